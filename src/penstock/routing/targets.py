"""What may be chosen: one upstream as the routing room sees it. Pure; times are passed in.

A Target lives as long as its worker; a reload that leaves the upstream as it is keeps its counts and what was learned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from penstock.core.exchange import Exchange
from penstock.core.ports import Meter, Provider, Seats
from penstock.routing.ask import Ask
from penstock.routing.credentials import Credentials
from penstock.routing.health import Health, HealthRules
from penstock.routing.load import Load, Peers
from penstock.routing.peak import Peak
from penstock.routing.prefix import PrefixIndex
from penstock.routing.seats import Seat, leave_seat

if TYPE_CHECKING:
    from penstock.routing.joint import Joint

MOST_MODELS: Final = 64
"""Remembered of one target as lately asked; with stars in the config their names are the callers'."""


class Changes:
    """Counts whatever changes which targets may be chosen: lists that were made before are then made anew."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def __repr__(self) -> str:
        return f"<Changes {self.count}>"


class Target:
    """An upstream with its weight (≥ 1) and the calls now in flight there. ``kind`` is the configured one; ``refused``
    are the ways of continuing an answer that it did not take, as (operation, model, way). ``capacity``: calls that
    it serves at once; ``prices``: dollars per token in and out; ``slot``: its place in the prefix index; ``models``:
    when each was last asked of it; ``tells_cached``: its usage names cached tokens, so that none means none; ``pull``:
    the weight that counts now; ``scrub`` strikes its keys out of what it said; ``seats``: where their number is
    limited; ``meter``: where its time is paid for; ``streams``: those that flow from it, by their seats."""

    __slots__ = (
        "capacity", "changes", "draining", "health", "in_flight", "keys", "kind", "load", "meter", "models", "name",
        "prefixes", "prices", "provider", "pull", "refused", "region", "scrub", "seats", "served", "slot",
        "streams", "tells_cached", "weight",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        provider: Provider,
        weight: int = 1,
        kind: str = "",
        *,
        region: str = "",
        capacity: int = 64,
        prices: tuple[float, float] = (0.0, 0.0),
        peers: Peers | None = None,
        prefixes: PrefixIndex | None = None,
        changes: Changes | None = None,
        rules: HealthRules | None = None,
        keys: int = 1,
        scrub: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self.name = name
        self.provider = provider
        self.weight = weight
        self.pull = float(weight)
        self.kind = kind
        self.region = region
        self.capacity = capacity
        self.prices = prices
        self.load = Load(Peers() if peers is None else peers)
        self.prefixes = PrefixIndex(0) if prefixes is None else prefixes
        self.slot = self.prefixes.join()
        self.refused: set[tuple[str, str, str]] = set()
        self.in_flight = 0
        self.served = 0
        self.models: dict[str, float] = {}
        self.tells_cached = False
        self.draining = False
        self.changes = Changes() if changes is None else changes
        self.health = Health(HealthRules() if rules is None else rules, self.changes)
        self.keys = Credentials(keys)
        self.scrub = scrub
        self.seats: Seats | None = None
        self.meter: Meter | None = None
        self.streams: dict[Seat, Joint] = {}

    def drain(self, draining: bool = True) -> None:
        """Give it no new calls, or give it some again."""
        self.draining = draining
        self.changes.count += 1

    @property
    def busy(self) -> float:
        """The share of its capacity that is in use, at most 1."""
        return min(1.0, self.in_flight / self.capacity)

    # ---- whether it may be chosen

    def settle(self, now: float) -> None:
        """Take note of the time: what ``usable`` and ``standing`` say holds for this moment."""
        if self.health.settle(now):
            self.load.peak_first = Peak()  # it was left out for this, and is measured anew
        share = self.health.share(now)
        self.pull = self.weight * share

    def usable(self, now: float) -> bool:
        """Whether it is well and has a key."""
        return self.health.usable(now) and now >= self.keys.back()

    def standing(self, now: float) -> bool:
        """Whether nothing but a suspicion speaks against it."""
        return self.health.standing and now >= self.keys.back()

    def until(self, now: float) -> float:
        """The moment at which any of this may change by itself."""
        until, back = self.health.until(now), self.keys.back()
        return min(until, back) if back > now else until

    def back(self, now: float) -> float:
        """The earliest moment at which it may be used again, as far as is known."""
        return max(self.health.back(now), self.keys.back())

    def word(self, now: float) -> str:
        """Its state, in a word."""
        word = self.health.word
        if word == "closed":
            return "draining" if self.draining else "keys_at_rest" if self.keys.back() > now else word
        return word

    # ---- who is served

    @property
    def free(self) -> bool:
        """Whether it has a seat for one more call."""
        return self.seats is None or self.seats.free

    def take_seat(self, exchange: Exchange, ask: Ask) -> Seat:
        """Count ``exchange`` here until it finishes, or until it takes a seat elsewhere."""
        if self.seats is not None:  # before another one here is left: nobody else is to get that
            self.seats.begin(ask.now)
        has_one = exchange.seat is not None
        if has_one:
            leave_seat(exchange, ask.now)
        seat = exchange.seat = Seat(self, ask, ask.hits.get(self.slot, 0.0), exchange.upstream_key)
        self.in_flight += 1
        self.served += 1
        if exchange.upstream_model not in self.models and len(self.models) >= MOST_MODELS:
            self.models.clear()
        self.models[exchange.upstream_model] = ask.now
        if not has_one:
            exchange.defer(leave_seat)  # last: where the exchange has ended already, this gives the seat back at once
        return seat

    def __repr__(self) -> str:
        return f"<Target {self.name} weight {self.weight}, {self.in_flight} in flight>"
