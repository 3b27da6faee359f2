"""What Claude costs, in US dollars per million tokens.

As of 2026-11-23, from https://platform.claude.com/docs/en/about-claude/pricing (base input, output, 5-minute cache
writes, cache hits) and the model pages beside it; the cut of Sonnet 5.5's cache hits to $0.10 (2026-10-07) and the
prices of Fable 5.2 (released 2026-11-09) from third parties that quote that page. Retired models are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import UsageError

_SNAPSHOT = re.compile(r"-(\d{8}|latest)$")


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars per million tokens.

    Attributes:
        input: Prompt tokens that were neither written to the prompt cache nor read from it.
        output: Generated tokens, thinking included.
        cache_write: Prompt tokens written to the prompt cache for five minutes.
        cache_read: Prompt tokens read from the prompt cache.
    """

    input: float
    output: float
    cache_write: float
    cache_read: float

    @classmethod
    def of(cls, input_: float, output: float, cache_read: float = 0.1) -> Rates:
        """Rates with the usual cache prices: writing costs 1.25 times the input.

        Args:
            input_: Dollars per million prompt tokens.
            output: Dollars per million generated tokens.
            cache_read: Price of a cache hit as a share of the input price.
        """
        return cls(input_, output, round(1.25 * input_, 6), round(cache_read * input_, 6))


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one model.

    Attributes:
        rates: What a call costs.
        long_prompt: What it costs once the whole prompt is longer than `long_prompt_tokens`; None if nothing else.
        long_prompt_tokens: Prompt tokens, cached ones included, up to which `rates` hold.
    """

    rates: Rates
    long_prompt: Rates | None = None
    long_prompt_tokens: int = 0

    def cost_usd(
        self, tokens_in: int, tokens_out: int, cache_write: int = 0, cache_read: int = 0, cache_write_hour: int = 0
    ) -> float:
        """US dollars for one call, rounded to six places.

        Args:
            tokens_in: Prompt tokens outside the prompt cache.
            tokens_out: Generated tokens.
            cache_write: Prompt tokens written to the prompt cache for five minutes.
            cache_read: Prompt tokens read from the prompt cache.
            cache_write_hour: Prompt tokens written to it for an hour, at twice the price of the input.
        """
        rates = self.rates
        prompt = tokens_in + cache_write + cache_read + cache_write_hour
        if self.long_prompt is not None and prompt > self.long_prompt_tokens:
            rates = self.long_prompt
        dollars = (
            tokens_in * rates.input
            + tokens_out * rates.output
            + cache_write * rates.cache_write
            + cache_read * rates.cache_read
            + cache_write_hour * 2 * rates.input
        ) / 1_000_000
        return round(dollars, 6)


PRICES = {
    "claude-fable-5-2": Price(Rates.of(8, 40, cache_read=0.025)),
    "claude-fable-5-1": Price(Rates.of(10, 50, cache_read=0.025)),
    "claude-mythos-5-1": Price(Rates.of(10, 50, cache_read=0.025)),
    "claude-fable-5": Price(Rates.of(10, 50)),
    "claude-mythos-5": Price(Rates.of(10, 50)),
    "claude-opus-5-5": Price(Rates.of(4, 20, cache_read=0.05)),
    "claude-opus-5": Price(Rates.of(5, 25)),
    "claude-opus-4-8": Price(Rates.of(5, 25)),
    "claude-opus-4-7": Price(Rates.of(5, 25)),
    "claude-opus-4-6": Price(Rates.of(5, 25)),
    "claude-opus-4-5": Price(Rates.of(5, 25)),
    "claude-sonnet-5-5": Price(Rates.of(2, 10, cache_read=0.05)),
    "claude-sonnet-5": Price(Rates.of(2, 10)),
    "claude-sonnet-4-6": Price(Rates.of(3, 15)),
    "claude-sonnet-4-5": Price(Rates.of(3, 15)),
    "claude-haiku-5-5": Price(Rates.of(0.1, 0.5), long_prompt=Rates.of(0.5, 2.5), long_prompt_tokens=100_000),
    "claude-haiku-4-5": Price(Rates.of(1, 5)),
}
"""Model to price; snapshots are priced as the model that they are of."""


def price_of(model: str) -> Price:
    """The price of a model or of a dated snapshot of it.

    Only a date or "latest" may follow a known name: a mere prefix would price a new claude-opus-5-9 as claude-opus-5.

    Raises:
        UsageError: The model's price is not known; names those that are.
    """
    price = PRICES.get(_SNAPSHOT.sub("", model))
    if price is None:
        raise UsageError(
            f"the price of the model {model!r} is not known (known: {', '.join(PRICES)})",
            "set llm.claude.price_input_per_million and llm.claude.price_output_per_million",
        )
    return price


def cost_usd(model: str, tokens_in: int, tokens_out: int, cache_write: int = 0, cache_read: int = 0) -> float:
    """US dollars for one call of a model; see `Price.cost_usd`.

    Raises:
        UsageError: As in `price_of`.
    """
    return price_of(model).cost_usd(tokens_in, tokens_out, cache_write, cache_read)
