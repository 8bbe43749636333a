"""What may be chosen: one upstream as the routing room sees it, and a call's seat there. Pure; times are passed in.

A Target lives as long as its worker; a reload that leaves the upstream as it is keeps its counts and what was learned.
"""

from __future__ import annotations

from penstock.core.exchange import Exchange
from penstock.core.ports import Provider
from penstock.routing.ask import Ask
from penstock.routing.load import Load, Peers
from penstock.routing.prefix import PrefixIndex

MOST_MODELS = 64
"""Remembered of one target as lately asked; with stars in the config their names are the callers'."""
LEAST_TOLD = 1024
"""Tokens of prompt below which providers may cache nothing, and so tell of nothing cached (OpenAI's number)."""


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
    when each was last asked of it; ``tells_cached``: its usage names cached tokens, so that none means none."""

    __slots__ = (
        "capacity", "changes", "draining", "in_flight", "kind", "load", "models", "name", "prefixes", "prices",
        "provider", "refused", "region", "served", "slot", "tells_cached", "weight",
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
    ) -> None:
        self.name = name
        self.provider = provider
        self.weight = weight
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

    def drain(self, draining: bool = True) -> None:
        """Give it no new calls, or give it some again."""
        self.draining = draining
        self.changes.count += 1

    @property
    def busy(self) -> float:
        """The share of its capacity that is in use, at most 1."""
        return min(1.0, self.in_flight / self.capacity)

    def take_seat(self, exchange: Exchange, ask: Ask) -> Seat:
        """Count ``exchange`` here until it finishes, or until it takes a seat elsewhere."""
        has_one = exchange.seat is not None
        if has_one:
            leave_seat(exchange)
        seat = exchange.seat = Seat(self, ask, ask.hits.get(self.slot, 0.0))
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


class Seat:
    """A call's place at a target. ``hit``: the share of its prompt expected in the cache there; ``used``: when that was
    last used there, None where its absence would prove nothing."""

    __slots__ = ("ask", "hit", "stay", "target", "used")

    def __init__(self, target: Target, ask: Ask, hit: float) -> None:
        self.target = target
        self.ask = ask
        self.hit = hit
        self.used = target.prefixes.remember(target.slot, ask.blocks, ask.now) if ask.blocks else None
        waiting = target.load.stays
        if self.used is not None and waiting and self.used >= next(iter(waiting)).began:
            self.used = None  # by a call whose own prompt is still being computed: not cached yet, and not evicted
        self.stay = target.load.begin(ask.now, ask.tokens * (1.0 - hit))

    def first_token(self, now: float) -> None:
        """The first token of its answer is here."""
        self.target.load.first_token(self.stay, now)

    def leave(self, now: float, *, tokens: int = 0, prompt: int = 0, cached: int = 0) -> None:
        """The call has ended there, with what its usage told (0: nothing): tokens of the answer, of the prompt, and of
        that those that were cached."""
        target = self.target
        target.in_flight -= 1
        target.load.end(self.stay, now, tokens)
        if cached:
            target.tells_cached = True
        elif not target.tells_cached:
            return
        expected = self.hit * prompt
        if self.used is not None and expected >= LEAST_TOLD and cached < 0.5 * expected:
            target.prefixes.correct(target.slot, self.used)

    def __repr__(self) -> str:
        return f"<Seat at {self.target.name}, {self.stay!r}>"


def leave_seat(exchange: Exchange) -> None:
    """Give the seat back. Only of a call that ended well is something learned."""
    seat = exchange.seat
    if isinstance(seat, Seat):
        exchange.seat = None
        if exchange.outcome == "ok":
            prompt, tokens = exchange.tokens_in, exchange.tokens_out
            seat.leave(exchange.ended, tokens=tokens, prompt=prompt, cached=exchange.tokens_cached)
            if seat.ask.sizes is not None:
                seat.ask.sizes.learn(len(exchange.call.body), prompt, tokens)
        else:
            seat.leave(exchange.ended)
