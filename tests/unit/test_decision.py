"""Which model is asked: the caller's wish, the money, the budget of remote calls, the confidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.errors import UsageError
from mcp_stack.hybrid.decision import Circumstances, Models, Plan, decide
from mcp_stack.hybrid.spending import Left
from mcp_stack.ports.answering import Question
from mcp_stack.ports.chat import ChatModel
from mcp_stack.settings.hybrid import Hybrid


class Named:
    """A model that is never asked."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, attribute: str) -> Any:
        raise AssertionError(attribute)


LOCAL: ChatModel = Named("local")
REMOTE: ChatModel = Named("remote")


def price(tokens_in: int, tokens_out: int) -> float:
    return (tokens_in * 2 + tokens_out * 10) / 1e6


def models(*, local: bool = True, remote: bool = True) -> Models:
    return Models(LOCAL if local else None, REMOTE if remote else None, price, "")


def plan(
    confidence: float,
    *,
    having: Models | None = None,
    settings: Hybrid | None = None,
    asked: dict[str, Any] | None = None,
    **given_: Any,
) -> Plan:
    question = Question("What?", **(asked or {}))
    circumstances = Circumstances(confidence, given_.pop("prompt_tokens", 1000), **given_)
    return decide(question, having or models(), circumstances, settings or Hybrid())


def order(chosen: Plan) -> list[str]:
    return [choice.kind for choice in chosen.choices]


@pytest.mark.parametrize(
    ("confidence", "first", "checked"),
    [
        (1.0, "local", False),
        (0.85, "local", False),
        (0.8499, "local", True),
        (0.70, "local", True),
        (0.6999, "remote", False),
        (0.0, "remote", False),
    ],
)
def test_the_bands(confidence: float, first: str, checked: bool) -> None:
    chosen = plan(confidence)
    assert (chosen.first, chosen.check_local) == (first, checked)
    assert sorted(order(chosen)) == ["local", "remote"]
    assert chosen.reasons


def test_without_fallback_the_middle_band_is_remote() -> None:
    settings = Hybrid.model_validate({"routing": {"fallback_enabled": False}})
    assert plan(0.8, settings=settings).first == "remote"


def test_who_does_not_prefer_local_is_answered_by_the_remote_model() -> None:
    assert plan(1.0, asked={"prefer_local": False}).first == "remote"
    assert plan(1.0, settings=Hybrid.model_validate({"routing": {"prefer_local": False}})).first == "remote"


def test_one_model_is_asked_whatever_the_confidence_and_its_answer_is_not_measured_against_another() -> None:
    assert order(plan(0.0, having=models(remote=False))) == ["local"]
    assert order(plan(1.0, having=models(local=False))) == ["remote"]
    assert plan(0.8, having=models(remote=False)).check_local is False
    nothing = plan(0.5, having=models(local=False, remote=False))
    assert (nothing.first, nothing.choices) == ("offline", ())


@pytest.mark.parametrize("kind", ["local", "remote"])
def test_a_forced_route_is_the_only_one(kind: str) -> None:
    assert order(plan(0.0 if kind == "local" else 1.0, asked={"force_route": kind})) == [kind]


@pytest.mark.parametrize(("kind", "setting"), [("local", "llm.local"), ("remote", "ANTHROPIC_API_KEY")])
def test_a_forced_route_without_a_model_says_what_to_set(kind: str, setting: str) -> None:
    with pytest.raises(UsageError, match=setting):
        plan(0.5, having=models(local=False, remote=False), asked={"force_route": kind})


def test_a_cap_shortens_the_answer_until_it_is_too_short_to_help() -> None:
    enough = plan(0.0, asked={"max_cost_usd": 1.0}).choices[0]
    assert enough.max_tokens == 2048
    shortened = plan(0.0, asked={"max_cost_usd": 0.012}).choices[0]
    assert (shortened.kind, shortened.max_tokens) == ("remote", 1000)
    too_little = plan(0.0, asked={"max_cost_usd": 0.004})
    assert order(too_little) == ["local"]
    assert "more than the cap" in too_little.reasons[0]
    with pytest.raises(UsageError, match=r"force_route is remote and .*more than the cap"):
        plan(0.0, asked={"max_cost_usd": 0.004, "force_route": "remote"})


def test_what_is_left_of_today_bounds_like_a_cap() -> None:
    nothing = Left(0.0, "what is left of today's budget")
    spent = plan(0.0, left=nothing)
    assert order(spent) == ["local"]
    assert "today's budget" in spent.reasons[0]
    with pytest.raises(UsageError, match=r"hybrid\.budget\.daily_usd"):
        plan(0.0, left=nothing, asked={"force_route": "remote"})


def test_an_answer_for_want_of_money_does_not_last_and_one_that_the_caller_capped_does() -> None:
    poor = Left(0.001, "what is left of today's budget")
    assert plan(0.5).lasting
    assert not plan(0.5, left=poor).lasting
    assert not plan(0.9, left=poor, asked={"prefer_local": False}).lasting
    assert plan(0.9, left=poor).lasting
    assert plan(0.5, asked={"max_cost_usd": 0.001}).lasting


def test_in_the_budget_mode_the_gain_decides_and_not_the_bands() -> None:
    assert plan(0.99, remote_wanted=lambda: True).first == "remote"
    assert order(plan(0.01, remote_wanted=lambda: False)) == ["local", "remote"]
    assert not plan(0.8, remote_wanted=lambda: False).check_local


@pytest.mark.parametrize("asked", [{"force_route": "local"}, {"force_route": "remote"}, {"prefer_local": False}])
def test_the_budget_mode_is_not_asked_where_it_does_not_decide(asked: dict[str, Any]) -> None:
    def wanted() -> bool:
        raise AssertionError("it counted as decided")

    assert plan(0.5, remote_wanted=wanted, asked=asked).choices
    assert plan(0.5, remote_wanted=wanted, left=Left(0.0, "the day")).first == "local"


def test_a_local_model_that_costs_money_is_bounded_like_the_remote_one() -> None:
    dear = Models(LOCAL, REMOTE, price, "", lambda tokens_in, tokens_out: 10 * price(tokens_in, tokens_out))
    assert order(plan(1.0, having=dear, asked={"max_cost_usd": 0.023})) == ["remote"]
    assert order(plan(1.0, having=dear, left=Left(0.023, "the day"))) == ["remote"]
    with pytest.raises(UsageError, match=r"force_route is local and .*more than the cap"):
        plan(1.0, having=dear, asked={"max_cost_usd": 0.023, "force_route": "local"})


bounds = st.fixed_dictionaries(
    {"max_cost_usd": st.sampled_from([0.0, 1e-6, 0.004, 0.02, 5.0]), "prefer_local": st.booleans()}
)


@given(
    st.floats(0, 1),
    bounds,
    st.floats(0, 1),
    st.integers(0, 10**6),
    st.sampled_from([None, lambda: True, lambda: False]),
)
def test_a_planned_remote_call_never_costs_more_than_may_be_spent(
    confidence: float, asked: dict[str, Any], left: float, prompt_tokens: int, wanted: Callable[[], bool] | None
) -> None:
    chosen = plan(confidence, asked=asked, left=Left(left, ""), prompt_tokens=prompt_tokens, remote_wanted=wanted)
    assert "local" in order(chosen)
    for choice in chosen.choices:
        if choice.kind == "remote":
            most = min(left, asked["max_cost_usd"] or float("inf"))
            assert price(prompt_tokens, choice.max_tokens) <= most + 1e-9
