"""What the calls of one configuration cost and spare, and whether a model may be asked whose price nobody knows. Pure.

Enters: exchanges that have ended, with what was used where. Leaves: ``cost``, ``saved`` and ``money`` on them, in whole
micro-dollars; the fraction that is left over is carried to the next call of the same price, so that nothing is lost.
May fail: CallerError ``price_unknown``, before anything is sent, where the configuration wants that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.money import MOST, note, spare
from penstock.core.patterns import nearest
from penstock.cost.rates import FREE, SCALE, Rates, Usage, spared_by_cache, worth
from penstock.cost.table import Schedule, Table

MOST_KNOWN: Final = 4096
"""Prices that are remembered; with stars in the config the names of models are the callers'."""
LONGEST_KNOWN: Final = 200
"""Characters of a name that is remembered."""
MOST_PARTS: Final = MOST * SCALE
Ways = Callable[[str], Sequence[tuple[str, str]]]
"""Where a call for a model may go, as (upstream, the model's name there)."""


class Place(NamedTuple):
    """What is known of an upstream. ``rates``: as its own ``price`` says, else None; ``provider``: whose models it has,
    where its kind says so, else that at ``url``; ``own``: an engine of one's own, where a token costs nothing;
    ``rented``: paid by the second."""

    rates: Rates | None = None
    provider: str = ""
    url: str = ""
    own: bool = False
    rented: bool = False


class Tariff:
    """What holds for a model at an upstream. ``rates``: now; ``schedule``: where they change by themselves; ``rivals``:
    those of other upstreams that could have served, as far as they differ; ``carried``: parts not yet charged.
    ``into``, ``out`` and ``read`` (less for a cached token) are those of ``rates``, at hand; ``is_unpriced``:
    nobody knows them; ``is_plain``: they are all that counts, ``is_short``:
    also, but for written and reasoning tokens."""

    __slots__ = (
        "carried", "into", "is_free", "is_guess", "is_known", "is_plain", "is_short", "is_unpriced", "out", "rates",
        "read", "rivals", "schedule", "simple_rivals",
    )  # fmt: skip

    def __init__(
        self, rates: Rates, *, schedule: Schedule | None = None, known: bool = True, guess: bool = False
    ) -> None:
        self.rates = rates
        self.schedule = schedule
        self.rivals: Sequence[Rates] = ()
        self.carried = 0
        self.is_known = known
        self.is_guess = guess
        self.settle()

    def settle(self) -> None:
        """Take note of what is free and simple, which is asked with every call."""
        rates, rivals = self.rates, self.rivals
        self.into, self.out = rates.input, rates.output
        self.read = rates.input - rates.cached
        steady = self.schedule is None and self.is_known
        self.is_free = rates.is_free and steady and not rivals
        self.is_unpriced = rates.is_free and not self.is_known
        several = (rates, *rivals)
        self.is_short = steady and not (self.is_guess or any(one.tiers or one.request for one in several))
        self.is_plain = self.is_short and all(
            one.cache_write == one.input and one.reasoning == one.output for one in several
        )
        self.simple_rivals = [(one.input, one.output, one.input - one.cached) for one in rivals]

    def charge(self, parts: int) -> int:
        """Whole micro-dollars of ``parts`` and what was carried."""
        told, self.carried = divmod(min(self.carried + parts, MOST_PARTS), SCALE)
        return told

    def __repr__(self) -> str:
        return f"<Tariff {self.rates!r} {'known' if self.is_known else 'unknown'}>"


class Rules(NamedTuple):
    """What a configuration says: overrides by pattern, upstreams by name, and what to do of unknown prices."""

    overrides: Mapping[str, Rates]
    places: Mapping[str, Place]
    unknown: str


class Pricing:
    """See the module. ``table`` is asked for when a price is first looked for in it; ``ways`` are all places where a
    call may go, ``alternatives`` those of the model (entry, name asked for) that served it."""

    def __init__(
        self,
        rules: Rules,
        table: Callable[[], Table],
        ways: Ways,
        alternatives: Callable[[str, str], Sequence[tuple[str, str]]],
        wall: Callable[[], float],
    ) -> None:
        self._rules = rules
        self._table = table
        self._ways = ways
        self._alternatives = alternatives
        self._wall = wall
        self._known: dict[tuple[str, str, str], Tariff] = {}
        self._verdicts: dict[str, str] = {}

    # ---- when a call has ended

    def settle(self, exchange: Exchange) -> None:
        """Say what it cost and spared. Nearly all calls have one attempt at rates that are one number each."""
        tariff = self._known.get((exchange.model, exchange.upstream, exchange.upstream_model))
        if tariff is None or exchange.spent is not None:
            self._settle_otherwise(exchange)
            return
        if not exchange.rented:
            if tariff.is_free:
                return
            if tariff.is_unpriced:
                if exchange.tokens_in or exchange.tokens_out:
                    note(exchange, "unpriced", 1)
                return
        if not (tariff.is_plain or (tariff.is_short and not exchange.tokens_written and not exchange.tokens_reasoning)):
            self._settle_whole(exchange, tariff)
            return
        into, out, cached = exchange.tokens_in, exchange.tokens_out, exchange.tokens_cached
        paid = into * tariff.into + out * tariff.out + exchange.rented
        if cached:
            if cached > into:
                cached = into
            spared = cached * tariff.read
            paid -= spared
            if spared > 0:
                spare(exchange, "prompt_cache", spared // SCALE)
        if tariff.simple_rivals:
            most = paid
            for there_into, there_out, there_read in tariff.simple_rivals:
                there = into * there_into + out * there_out - cached * there_read
                if there > most:
                    most = there
            if most > paid:
                spare(exchange, "routing", (most - paid) // SCALE)
        paid += tariff.carried
        if paid > MOST_PARTS:
            paid = MOST_PARTS
        exchange.cost += paid // SCALE
        tariff.carried = paid % SCALE

    def _settle_otherwise(self, exchange: Exchange) -> None:
        if exchange.spent is not None:
            self._settle_attempts(exchange)
        elif exchange.upstream:
            self._settle_whole(exchange, self._find(exchange))

    def _settle_whole(self, exchange: Exchange, tariff: Tariff) -> None:
        usage = Usage(
            exchange.tokens_in, exchange.tokens_out, exchange.tokens_cached, exchange.tokens_written,
            exchange.tokens_reasoning, int(_was_answered(exchange)),
        )  # fmt: skip
        self._charge(exchange, tariff, usage, exchange.rented)
        rates = tariff.rates
        if exchange.callers > 1 and usage.calls:
            spare(exchange, "batching", (exchange.callers - 1) * rates.request // SCALE)
        if tariff.rivals and tariff.is_known:
            paid = worth(rates, usage) + exchange.rented
            spare(exchange, "routing", max(0, max(worth(rival, usage) for rival in tariff.rivals) - paid) // SCALE)

    def _settle_attempts(self, exchange: Exchange) -> None:
        """Several were asked, each at its own price. What was used besides those that are noted one by one was used by
        the last, which had the call for itself."""
        model, asked = exchange.model, exchange.answered_as
        rest = [exchange.tokens_in, exchange.tokens_out, exchange.tokens_cached]
        for upstream, named, prompt, answer, cached, written, reasoning, rent in exchange.spent or ():
            usage = Usage(prompt, answer, cached, written, reasoning, int(bool(prompt or answer)))
            self._charge(exchange, self._tariff(model, asked, upstream, named), usage, rent)
            rest = [whole - part for whole, part in zip(rest, usage, strict=False)]
        last = Usage(*(max(0, part) for part in rest))._replace(calls=0)
        if exchange.rented or any(last):
            self._charge(exchange, self._find(exchange), last, exchange.rented)

    def _charge(self, exchange: Exchange, tariff: Tariff, usage: Usage, rented: int) -> None:
        if tariff.schedule is not None:
            tariff.rates = tariff.schedule.at(self._wall())
        rates = tariff.rates
        told = tariff.charge(worth(rates, usage) + rented)
        exchange.cost += told
        if not tariff.is_known and (usage.prompt or usage.answer):
            note(exchange, "unpriced", 1)
        elif tariff.is_guess and told:
            note(exchange, "estimated", told)
        if usage.cached:
            spare(exchange, "prompt_cache", spared_by_cache(rates, usage) // SCALE)

    # ---- before one is sent

    def admit(self, model: str) -> None:
        """Raises CallerError if it may be sent where its price is unknown, and unknown prices are refused."""
        verdict = self._verdicts.get(model)
        if verdict is None:
            if len(self._verdicts) >= MOST_KNOWN:
                self._verdicts.clear()
            verdict = self._verdict(model)
            if len(model) <= LONGEST_KNOWN:
                self._verdicts[model] = verdict
        if verdict:
            raise CallerError(verdict, status=400, code="price_unknown", param="model")

    def _verdict(self, model: str) -> str:
        for upstream, name in self._ways(model):
            if not self._tariff(model, model, upstream, name).is_known:
                shown = name if len(name) <= 100 else f"{name[:100]}…"
                return (
                    f"Nobody says what '{shown}' costs at upstream '{upstream}', and this gateway refuses calls of"
                    f" unknown price (cost.unknown: refuse). Its operator can set cost.prices or upstreams.{upstream}."
                    "price."
                )
        return ""

    # ---- prices

    def tariff(self, model: str, upstream: str, upstream_model: str) -> Tariff:
        """What holds for ``upstream_model`` there, asked for as ``model``; for who prices what is no exchange."""
        return self._tariff(model, model, upstream, upstream_model)

    def _find(self, exchange: Exchange) -> Tariff:
        return self._tariff(exchange.model, exchange.answered_as, exchange.upstream, exchange.upstream_model)

    def _tariff(self, model: str, asked: str, upstream: str, upstream_model: str) -> Tariff:
        known = self._known
        name = (model, upstream, upstream_model)
        tariff = known.get(name)
        if tariff is None:
            if len(known) >= MOST_KNOWN:
                known.clear()
            tariff = self._look(asked or model, upstream, upstream_model)
            if len(model) + len(upstream_model) <= LONGEST_KNOWN:
                known[name] = tariff
            rivals = {
                other.rates
                for at, there in self._alternatives(model, asked)
                if at != upstream and (other := self._look(asked or model, at, there)).is_known
                if not self._place(at).rented
            }
            tariff.rivals = sorted(rivals - {tariff.rates}) if tariff.is_known else ()
            tariff.settle()
        return tariff

    def _place(self, upstream: str) -> Place:
        return self._rules.places.get(upstream.partition("@")[0], Place())

    def _look(self, asked: str, upstream: str, model: str) -> Tariff:
        """The upstream's own price, then the config's for the model, then the table's."""
        place = self._place(upstream)
        if place.rates is not None:
            return Tariff(place.rates)
        for name in (model, asked):
            pattern = nearest(self._rules.overrides, name)
            if pattern is not None:
                return Tariff(self._rules.overrides[pattern])
        if place.own or place.rented:
            return Tariff(FREE)
        provider = place.provider or (self._table().provider_of(place.url) if place.url else None)
        if not provider or not model:
            return Tariff(FREE, known=False)
        schedule = self._table().find(provider, model)
        if schedule is not None:
            return Tariff(schedule.rates, schedule=None if schedule.is_steady else schedule)
        middle = self._table().median(provider) if self._rules.unknown == "estimate" else None
        return Tariff(FREE, known=False) if middle is None else Tariff(middle, guess=True)

    def __repr__(self) -> str:
        return f"<Pricing {len(self._known)} prices>"


def _was_answered(exchange: Exchange) -> bool:
    return exchange.outcome == "ok" and exchange.status < 400
