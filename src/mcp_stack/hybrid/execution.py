"""Asking the models of a plan, one after the other, until one gives an answer that will do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from ..errors import StackError, UnavailableError, UsageError
from ..ports.answering import Route
from ..ports.chat import Completion, Message
from ..ports.interactions import Checked
from ..settings.hybrid import Hybrid
from .augmentation import BYTES_PER_TOKEN, estimated_tokens
from .decision import LEAST_ANSWER_TOKENS, Choice, Plan, tokens_for
from .quality import FEATURES_VERSION, Judge, assess, defect_of
from .spending import Bill, Spending

# The remote model is the reference that local answers are measured by, so its answers are taken as good, not as sure.
REMOTE_QUALITY = 0.9


@dataclass(frozen=True, slots=True)
class Outcome:
    """What execution gave.

    Attributes:
        route: How it was answered; `offline` if no model could.
        quality: How good the answer is, in [0, 1].
        completion: Of the model that answered; None if none did.
        spent_usd: In all, calls that failed or whose answer was rejected included.
        lasting: Worth remembering; not so after an outage, for the next caller may find the model up again, nor where
            the answer is plainly bad.
        local_quality: How good the local answer is, also where it was rejected; None if there is none.
        checked: What the checks saw in the local answer that is given; None for any other.
    """

    text: str
    route: Route
    quality: float
    completion: Completion | None
    spent_usd: float
    lasting: bool = True
    local_quality: float | None = None
    checked: Checked | None = None


class BrokenOffError(UnavailableError):
    """An answer ended after its first words had been given away.

    Args:
        error: Why.
        text: What had been given.
        route: Of the model that gave it.
        spent_usd: In all.
    """

    def __init__(self, error: StackError, text: str, route: Route, spent_usd: float) -> None:
        super().__init__(f"the answer broke off: {error.problem}", error.remedy)
        self.text = text
        self.route = route
        self.spent_usd = spent_usd


class _TooDearError(UnavailableError):
    """A model is not asked, because what it might cost is not left; tomorrow it may be."""


class Execution:
    """Asks models.

    Args:
        settings: Of the coordinator.
        spending: Asked before each call that costs something, and told of what it did cost.
        judges: Gives what judges local answers.
    """

    def __init__(self, settings: Hybrid, spending: Spending, judges: Callable[[], Awaitable[Judge]]) -> None:
        self._settings = settings
        self._judges = judges
        self._spending = spending

    async def run(
        self,
        plan: Plan,
        messages: Sequence[Message],
        *,
        passage_count: int,
        prompt_tokens: int,
        predicted: float | None,
        reasons: list[str],
        bill: Bill,
        streaming: bool = False,
    ) -> AsyncGenerator[str | Outcome, None]:
        """Yields pieces of the answer where they are streamed, then exactly one outcome.

        Args:
            plan: Which models.
            messages: The conversation.
            passage_count: How many passages it cites.
            prompt_tokens: Length of the conversation, for what the call may cost.
            predicted: What past outcomes say of a local answer to such a question, in [0, 1]; None if nothing.
            reasons: What happens is told here, for people.
            bill: What is paid is put here at once, for whoever gives up half way pays too.
            streaming: Give the answer piece by piece. A local answer that is checked comes as one piece.

        Raises:
            BrokenOffError: A model failed after its first words had been given away.
        """
        outage = not plan.lasting
        rejected: Outcome | None = None
        for position, choice in enumerate(plan.choices):
            checked = choice.kind == "local" and plan.check_local and position + 1 < len(plan.choices)
            given: list[str] = []
            completion: Completion | None = None
            bill.asked = choice.kind
            try:
                allowed = await self._paid_for(choice, prompt_tokens, plan.most_usd - bill.usd, bill)
                async with aclosing(
                    self._asked(allowed, messages, prompt_tokens, bill, streaming=streaming and not checked)
                ) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Completion):
                            completion = piece
                        else:
                            given.append(piece)
                            yield piece
                assert completion is not None, "every model ends with a completion"  # noqa: S101 - the port says so
            except (UnavailableError, UsageError) as error:
                await self._spending.settle(bill, float(getattr(error, "spent_usd", 0.0)))
                if given:
                    raise BrokenOffError(error, "".join(given), choice.kind, bill.usd) from error
                happened = "is not asked" if isinstance(error, _TooDearError) else "failed"
                reasons.append(f"the {choice.kind} model {happened}: {error.problem}")
                outage = True
                continue
            await self._spending.settle(bill, completion.cost_usd)
            outcome = await self._judged(
                choice, messages, completion, passage_count=passage_count, predicted=predicted, reasons=reasons
            )
            outcome = replace(outcome, spent_usd=bill.usd, lasting=outcome.lasting and not outage)
            if choice.kind == "remote":
                if rejected is not None:
                    outcome = replace(outcome, route="remote_fallback", local_quality=rejected.local_quality)
            elif checked and outcome.quality < self._settings.fallback_quality:
                reasons.append(f"below {self._settings.fallback_quality:.2f}: the remote model is asked")
                rejected = outcome
                continue
            if streaming and checked:
                yield outcome.text
            yield outcome
            return
        if rejected is not None:
            reasons.append("the local answer is given all the same")
            if streaming:
                yield rejected.text
            yield replace(rejected, spent_usd=bill.usd, lasting=False)
            return
        yield Outcome("", "offline", 0.0, None, bill.usd, lasting=not plan.choices)

    async def _paid_for(self, choice: Choice, prompt_tokens: int, most_usd: float, bill: Bill) -> Choice:
        """The model with as long an answer as may be paid for at this moment, which is set aside.

        Raises:
            UnavailableError: That is not enough of an answer, or nobody can say what was spent.
        """
        whole = choice.price(prompt_tokens, choice.max_tokens)
        if whole <= 0:
            return choice
        shortest = min(LEAST_ANSWER_TOKENS, choice.max_tokens)
        least, usd, bound = choice.price(prompt_tokens, shortest), 0.0, "the cap"
        # No tokenizer makes more tokens of a text than it has bytes.
        beyond = choice.price(prompt_tokens * BYTES_PER_TOKEN, 0) - choice.price(prompt_tokens, 0)
        if least <= most_usd:
            most, bound = min(whole, most_usd), self._spending.bound
            usd = await self._spending.set_aside(bill, most_usd=most + beyond, least_usd=least + beyond) - beyond
        if usd <= 0:
            raise _TooDearError(
                f"it might cost {whole:.6f} USD, more than {bound}", "ask later, or raise the bounds of hybrid.budget"
            )
        tokens = tokens_for(usd, choice.price, prompt_tokens, choice.max_tokens)
        return replace(choice, max_tokens=max(shortest, tokens))

    async def _asked(
        self, choice: Choice, messages: Sequence[Message], prompt_tokens: int, bill: Bill, *, streaming: bool
    ) -> AsyncGenerator[str | Completion, None]:
        """Asks; meanwhile the bill says what it costs to give up.

        The count of tokens is lost with the rest of the reply, and it costs all the same: the prompt and the words that
        came, or, of an answer that comes as a whole, as many as it may have.
        """
        if not streaming:
            bill.running_usd = choice.price(prompt_tokens, choice.max_tokens)
            yield await choice.model.complete(messages, choice.max_tokens)
            return
        written = 0
        bill.running_usd = choice.price(prompt_tokens, 0)
        stream: AsyncIterator[str | Completion] = choice.model.stream(messages, choice.max_tokens)
        async for piece in stream:
            if isinstance(piece, str):
                written += estimated_tokens(piece)
                bill.running_usd = choice.price(prompt_tokens, written)
            yield piece

    async def _judged(
        self,
        choice: Choice,
        messages: Sequence[Message],
        completion: Completion,
        *,
        passage_count: int,
        predicted: float | None,
        reasons: list[str],
    ) -> Outcome:
        if choice.kind == "local":
            judged = await assess(
                choice.model,
                messages,
                completion,
                passage_count,
                judge=await self._judges(),
                predicted=predicted,
                threshold=self._settings.fallback_quality,
                seconds_allowed=self._settings.judgement_seconds,
            )
            reasons.append(judged.reason)
            return Outcome(
                completion.text,
                "local",
                judged.value,
                completion,
                0.0,
                lasting=judged.value > 0,
                local_quality=judged.value,
                checked=Checked(FEATURES_VERSION, judged.features),
            )
        defect = defect_of(completion, passage_count)
        if defect:
            reasons.append(f"the remote answer {defect}")
        return Outcome(completion.text, "remote", 0.0 if defect else REMOTE_QUALITY, completion, 0.0, not defect)
