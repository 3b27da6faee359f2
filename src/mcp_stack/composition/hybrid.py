"""The hybrid coordinator put together."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..ports.jobs import Schedule
from ..ports.retrieval import Retrieval
from ..settings import Settings
from ..telemetry.events import JsonlEvents
from .models import ModelAdapters
from .stores import Stores

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..hybrid.cache import AnswerCache, SemanticCache
    from ..hybrid.cache.policy import Policy
    from ..hybrid.chat_completions import ChatCompletions
    from ..hybrid.outcome_log import OutcomeLog
    from ..hybrid.paying import Paying
    from ..hybrid.preparation import Preparation
    from ..hybrid.recording import Recorder
    from ..hybrid.router import Router
    from ..hybrid.service import Coordinator
    from ..hybrid.spending import Spending
    from ..jobs.worker import Handler

FIT_OUTCOMES = "hybrid.fit_outcomes"
FIT_JUDGE = "hybrid.fit_judge"
EVERY_FIVE_MINUTES = "*/5 * * * *"
# What a call may cost stays set aside at least so long, if the process dies that made it.
LEAST_SECONDS_OF_A_CALL = 900.0


class HybridParts:
    """What the hybrid coordinator is made of.

    Args:
        settings: Of everything.
        stores: Where its tables are.
        models: Those that answer, and the embedder.
        events: Its telemetry.
        retrieval: Gives the search of the knowledge base.
        looking: Gives the same, of which nothing is remembered.
    """

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        models: ModelAdapters,
        *,
        events: JsonlEvents,
        retrieval: Callable[[], Retrieval],
        looking: Callable[[], Retrieval],
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._models = models
        self._events = events
        self._retrieval = retrieval
        self._looking = looking

    @cached_property
    def router(self) -> Router:
        """Answers questions."""
        from ..hybrid.execution import Execution
        from ..hybrid.quality.training import Judges
        from ..hybrid.router import Router

        models = self._models.all
        return Router(
            models=models,
            exact=self._exact,
            semantic=self._semantic,
            preparation=self._preparation,
            execution=Execution(self._settings.hybrid, self._spending, Judges(self._stores.judging)),
            recorder=self._recorder,
            paying=self._paying,
            outcomes=self._outcomes,
            documents=self._stores.documents,
            settings=self._settings,
        )

    @cached_property
    def service(self) -> Coordinator:
        """The services behind the tools."""
        from ..hybrid.feedback import Feedback
        from ..hybrid.service import Coordinator

        return Coordinator(
            settings=self._settings,
            router=self.router,
            retrieval=self._retrieval(),
            sessions=self._stores.sessions,
            interactions=self._stores.interactions,
            feedback=Feedback(self._stores.interactions, self._semantic, self._outcomes, self._events),
        )

    @cached_property
    def chat_completions(self) -> ChatCompletions:
        """The router for clients of OpenAI's API."""
        from ..hybrid.chat_completions import ChatCompletions

        return ChatCompletions(self.router, self._settings.security)

    @property
    def handlers(self) -> dict[str, Handler]:
        """What the worker does for the coordinator, by the job's name."""
        return {FIT_OUTCOMES: self._fit_outcomes, FIT_JUDGE: self._fit_judge}

    @property
    def schedules(self) -> list[Schedule]:
        """What it does again and again."""
        if not self._settings.hybrid.learning.enabled:
            return []
        return [Schedule(FIT_OUTCOMES, EVERY_FIVE_MINUTES), Schedule(FIT_JUDGE, EVERY_FIVE_MINUTES)]

    async def _fit_outcomes(self) -> None:
        from ..hybrid.confidence.training import OutcomeTraining

        await OutcomeTraining(self._stores.outcomes, self._models.embedder.model).run()

    async def _fit_judge(self) -> None:
        from ..hybrid.quality.training import JudgeTraining

        await JudgeTraining(self._stores.judging).run()

    @cached_property
    def _preparation(self) -> Preparation:
        from ..hybrid.budget import RemoteBudget
        from ..hybrid.confidence import ConfidenceEstimator
        from ..hybrid.confidence.training import OutcomeModels
        from ..hybrid.preparation import Preparation

        hybrid, stores = self._settings.hybrid, self._stores
        budget = RemoteBudget(stores.outcomes, stores.interactions, hybrid.budget)
        return Preparation(
            models=self._models.all,
            retrieval=self._retrieval(),
            looking=self._looking(),
            embedder=self._models.embedder,
            sessions=stores.sessions,
            estimator=ConfidenceEstimator(OutcomeModels(stores.outcomes), hybrid),
            spending=self._spending,
            budget=budget if hybrid.budget.ranks_by_gain else None,
            settings=self._settings,
        )

    @cached_property
    def _spending(self) -> Spending:
        from ..hybrid.spending import Spending

        llm = self._settings.llm
        longest = max(LEAST_SECONDS_OF_A_CALL, 2 * llm.local.timeout_seconds, 2 * llm.claude.timeout_seconds)
        return Spending(self._stores.ledger, self._settings.hybrid.budget, seconds=longest)

    @cached_property
    def _recorder(self) -> Recorder:
        from ..hybrid.recording import Recorder

        return Recorder(
            interactions=self._stores.interactions,
            sessions=self._stores.sessions,
            events=self._events,
            price=self._models.all.remote_price,
        )

    @cached_property
    def _paying(self) -> Paying:
        from ..hybrid.paying import Paying

        return Paying(self._recorder, self._spending)

    @cached_property
    def _outcomes(self) -> OutcomeLog:
        from ..hybrid.outcome_log import OutcomeLog

        return OutcomeLog(self._stores.outcomes, self._models.embedder.model)

    @cached_property
    def _exact(self) -> AnswerCache:
        from ..hybrid.cache import AnswerCache

        return AnswerCache(self._stores.cache, self._settings.hybrid.routing.cache_ttl)

    @cached_property
    def _semantic(self) -> SemanticCache:
        from ..hybrid.cache import SemanticCache

        cache = self._settings.hybrid.cache
        return SemanticCache(
            self._exact,
            self._stores.answer_index,
            self._cache_policy,
            embedder=self._models.embedder,
            ttl_seconds=self._settings.hybrid.routing.cache_ttl,
            enabled=cache.semantic_enabled,
        )

    @property
    def _cache_policy(self) -> Policy:
        """An error budget if one is set, else the threshold."""
        from ..hybrid.cache.error_budget import ErrorBudget
        from ..hybrid.cache.policy import FixedThreshold

        cache = self._settings.hybrid.cache
        fixed = FixedThreshold(cache.similarity_threshold)
        return ErrorBudget(cache.error_budget, cache.shadow_share, meanwhile=fixed) if cache.error_budget else fixed

    async def close(self) -> None:
        """Write down what came of the last questions, before the stores are closed."""
        paying: Paying | None = self.__dict__.pop("_paying", None)
        if paying is not None:
            await paying.close()
        outcomes: OutcomeLog | None = self.__dict__.pop("_outcomes", None)
        if outcomes is not None:
            await outcomes.close()
        semantic: SemanticCache | None = self.__dict__.pop("_semantic", None)
        if semantic is not None:
            await semantic.settled()
