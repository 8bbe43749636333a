"""What the calls of one configuration cost and spare, and whether a model may be asked whose price nobody knows. Pure.

Enters: exchanges that have ended, with what was used where. Leaves: ``cost``, ``saved`` and ``money`` on them, in whole
micro-dollars; the fraction that is left over is carried to the next call of the same price, so that nothing is lost.
May fail: CallerError ``price_unknown``, before anything is sent, where the configuration wants that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.money import note, spare
from penstock.core.patterns import nearest
from penstock.cost.rates import FREE, SCALE, Rates, Usage, spared_by_cache, worth
from penstock.cost.table import Schedule, Table

MOST_KNOWN = 4096
"""Prices that are remembered; with stars in the config the names of models are the callers'."""
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
    those of other upstreams that could have served, as far as they differ; ``carried``: parts not yet charged."""

    __slots__ = ("carried", "is_free", "is_guess", "is_known", "is_plain", "rates", "rivals", "schedule")

    def __init__(self, rates: Rates, *, schedule: Schedule | None = None, known: bool = True, guess: bool = False):
        self.rates = rates
        self.schedule = schedule
        self.rivals: Sequence[Rates] = ()
        self.carried = 0
        self.is_known = known
        self.is_guess = guess
        self.settle()

    def settle(self) -> None:
        """Take note of what is free and simple, which is asked with every call."""
        self.is_free = self.rates.is_free and self.schedule is None and self.is_known and not self.rivals
        self.is_plain = (
            self.schedule is None and self.is_known and not (self.is_guess or self.rivals or self.rates.tiers)
        )

    def charge(self, parts: int) -> int:
        """Whole micro-dollars of ``parts`` and what was carried."""
        told, self.carried = divmod(self.carried + parts, SCALE)
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
        """Say what it cost and spared."""
        if exchange.spent is not None:
            self._settle_attempts(exchange)
            return
        tariff = self._known.get((exchange.model, exchange.upstream, exchange.upstream_model))
        if tariff is None:
            if not exchange.upstream:
                return
            tariff = self._find(exchange)
        rented = exchange.rented
        if tariff.is_free and not rented:
            return
        cached = exchange.tokens_cached
        if tariff.is_plain and not (cached or exchange.tokens_written or exchange.tokens_reasoning):
            rates = tariff.rates
            parts = exchange.tokens_in * rates.input + exchange.tokens_out * rates.output + rented + tariff.carried
            if rates.request and _was_answered(exchange):
                parts += rates.request
                if exchange.callers > 1:
                    spare(exchange, "batching", (exchange.callers - 1) * rates.request // SCALE)
            if parts:
                told, tariff.carried = divmod(parts, SCALE)
                exchange.cost += told
            return
        usage = Usage(
            exchange.tokens_in, exchange.tokens_out, cached, exchange.tokens_written, exchange.tokens_reasoning,
            int(_was_answered(exchange)),
        )  # fmt: skip
        self._charge(exchange, tariff, usage, rented)
        rates = tariff.rates
        if exchange.callers > 1 and usage.calls:
            spare(exchange, "batching", (exchange.callers - 1) * rates.request // SCALE)
        if tariff.rivals and tariff.is_known:
            paid = worth(rates, usage) + rented
            spare(exchange, "routing", max(0, max(worth(rival, usage) for rival in tariff.rivals) - paid) // SCALE)

    def _settle_attempts(self, exchange: Exchange) -> None:
        """Several were asked, each at its own price. Whose answer was not the last is charged all the same."""
        rented = exchange.rented
        for upstream, model, prompt, answer, cached, written, reasoning, rent in exchange.spent or ():
            usage = Usage(prompt, answer, cached, written, reasoning, int(bool(prompt or answer)))
            tariff = self._tariff(exchange.model, exchange.answered_as, upstream, model)
            self._charge(exchange, tariff, usage, rent + rented)
            rented = 0

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
            verdict = self._verdicts[model] = self._verdict(model)
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
            tariff = known[name] = self._look(asked or model, upstream, upstream_model)
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
