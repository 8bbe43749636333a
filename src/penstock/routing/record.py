"""A decision written down: all that a strategy may use of a call and of each candidate, as plain values. Pure.

``snapshot`` copies it without changing any of it; a strategy's own state between two calls is its attribute ``turn``,
where it has one. ``replay.py`` makes the decision again from that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.line import Line
from penstock.routing.affinity_config import InstanceScoreConfig
from penstock.routing.ask import Ask
from penstock.routing.peak import Peak
from penstock.routing.scraped import Scraped
from penstock.routing.strategies.strategy import Shared, Strategy
from penstock.routing.targets import Target

Uniform = Callable[[float, float], float]
Straight = tuple[float, float]
"""A learned line: its base and its slope."""
Paced = tuple[int, float, float, float]
"""A pace, as it tells itself."""
Sample = tuple[float, float] | None
"""A peak and the moment of its last sample; None before the first."""
Turn = int | dict[str, float] | None
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Positive = Annotated[int, Meta(ge=1)]


class Candidate(Struct, gc=False, kw_only=True):
    """One target as it stood. ``pull``: the weight that counted; ``asked``: when the model was last asked of it;
    ``stays``: calls whose first token is awaited, the eldest of them ``overdue`` seconds late; ``ready``:
    ``slow``, ``queue`` and ``crowd`` as they were kept, if so; ``pace`` and ``pace_first``: what was learned of it."""

    name: str
    slot: int
    weight: Positive
    pull: float
    in_flight: Count
    capacity: Positive
    prices: tuple[float, float]
    asked: float | None
    waiting: float
    decoding: Count
    stays: Count
    overdue: float
    ready: tuple[float, float, float] | None
    pace: Paced
    pace_first: Paced
    peak_first: Sample
    peak_gap: Sample
    scraped: Scraped | None


class Decision(Struct, kw_only=True):
    """One choice. ``entry``: of ``models``; ``beginning``: a digest of the prompt's; ``block``: the hash of its first
    block; ``hits``: slots and the shares of the prompt likely cached there; ``sticky``: the upstream with the session's
    context; ``turn``: the strategy's own state; ``peers``: the lines of upstreams in general; ``draws``: what chance
    said; ``at``: Unix seconds. ``chosen`` is empty until it has been made."""

    entry: str
    strategy: str
    model: str
    now: float
    tokens: float
    output: float
    session: str
    scope: str
    client: str
    beginning: str
    block: int | None
    hits: list[tuple[int, float]]
    sticky: str
    slack: float
    max_load: float
    scores: InstanceScoreConfig
    turn: Turn
    peers: tuple[Straight, Straight]
    candidates: Annotated[list[Candidate], Meta(min_length=1)]
    draws: list[float] = []
    chosen: str = ""
    at: float = 0.0


def snapshot(
    entry: str, name: str, strategy: Strategy, shared: Shared, targets: Sequence[Target], ask: Ask
) -> Decision:
    """What the strategy called ``name`` would decide upon. Nothing that it works with changes."""
    known = ask.hits
    if strategy.prefix and ask.blocks:
        shared.prefixes.match(ask)
    hits, ask.hits = list(ask.hits.items()), known
    turn: Turn = getattr(strategy, "turn", None)
    peers = targets[0].load.peers
    return Decision(
        entry=entry,
        strategy=name,
        model=ask.model,
        now=ask.now,
        tokens=ask.tokens,
        output=ask.output,
        session=ask.session,
        scope=ask.scope,
        client=ask.call.client,
        beginning=ask.beginning().hex(),
        block=ask.blocks[0] if ask.blocks else None,
        hits=hits,
        sticky=shared.sessions.find(ask.session, ask.now) if ask.session else "",
        slack=shared.slack,
        max_load=shared.max_load,
        scores=shared.scores,
        turn=dict(turn) if isinstance(turn, dict) else turn,
        peers=(_straight(peers.first), _straight(peers.gap)),
        candidates=[_candidate(target, ask) for target in targets],
    )


def _candidate(target: Target, ask: Ask) -> Candidate:
    load = target.load
    return Candidate(
        name=target.name,
        slot=target.slot,
        weight=target.weight,
        pull=target.pull,
        in_flight=target.in_flight,
        capacity=target.capacity,
        prices=target.prices,
        asked=target.models.get(ask.model),
        waiting=load.waiting,
        decoding=load.decoding,
        stays=len(load.stays),
        overdue=load.overdue(ask.now),
        ready=(load.slow, load.queue, load.crowd) if load.ranked else None,
        pace=load.pace.told(),
        pace_first=load.pace_first.told(),
        peak_first=_sample(load.peak_first),
        peak_gap=_sample(load.peak_gap),
        scraped=load.scraped,
    )


def _sample(peak: Peak) -> Sample:
    return None if peak.value is None else (peak.value, peak.sampled)


def _straight(line: Line) -> Straight:
    return line.base, line.slope


class Recorded:
    """A strategy whose every choice is handed to ``keep``; it stands in the place of ``strategy``."""

    def __init__(
        self,
        entry: str,
        name: str,
        strategy: Strategy,
        shared: Shared,
        keep: Callable[[Decision], None],
        wall: Callable[[], float],
    ) -> None:
        self._strategy = strategy
        self.prefix = strategy.prefix
        self.largest = strategy.largest
        self._entry = entry
        self._name = name
        self._shared = shared
        self._keep = keep
        self._wall = wall

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """As the strategy chooses."""
        shared = self._shared
        decision = snapshot(self._entry, self._name, self._strategy, shared, targets, ask)
        uniform = shared.uniform
        shared.uniform = _noting(uniform, decision.draws)
        try:
            chosen = self._strategy.choose(targets, ask)
        finally:
            shared.uniform = uniform
        decision.chosen = chosen.name
        decision.at = self._wall()
        self._keep(decision)
        return chosen

    @property
    def turn(self) -> Turn:
        """The strategy's."""
        turn: Turn = getattr(self._strategy, "turn", None)
        return turn

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """As the strategy's."""
        return self._strategy.terms(target, ask)

    def __repr__(self) -> str:
        return f"<Recorded {self._strategy!r}>"


def _noting(uniform: Uniform, draws: list[float]) -> Uniform:
    def drawn(a: float, b: float) -> float:
        draws.append(uniform(a, b))
        return draws[-1]

    return drawn
