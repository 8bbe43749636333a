"""What may help, from what was seen lately: the changes proposed, in order. Pure.

Enters: a Sight, every part of which may be absent or empty. Leaves: Wishes: a key and a direction, or something to be
done once (``action:collect``, ``action:warm``), with what it is expected to do and why. Values come from the search.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from penstock.insight.optimizer.knobs import Safety, knob_of

Priority = Literal["low", "medium", "high"]
COLLECT = "action:collect"
WARM = "action:warm"
MEMORY_HIGH = 0.8
HIT_RATE_LOW = 0.6
RATE_LOW = 0.8
"""Of the target."""
CACHE_FULL = 0.9
WAITING = 0.1
"""Of the time of calls that a room makes them wait, from which on it is worth a try."""
PAUSE_LONG = 0.05
DISLIKED = 0.3
FASTER = 0.8
"""An upstream is faster than the others if it takes less than this share of their time."""
_ORDER = {"high": 0, "medium": 1, "low": 2}
_SAFETY = {"safe": 0, "medium": 1, "unsafe": 2}
_SLOW = ("high_latency", "slow_first_token", "low_token_rate")


class Sight(NamedTuple):
    """``values``: the measures lately; ``waits``: by room, its share of the time of calls; ``pace``:
    by upstream, seconds for a token; ``full``: share of the cache's memory in use; ``keys``: those that may be moved;
    ``explored``: those that the config names; ``target``: tokens a second; ``prompts``: whether there are any to warm
    with."""

    values: Mapping[str, float] = {}
    waits: Mapping[str, float] = {}
    pace: Mapping[str, float] = {}
    full: float = 0.0
    keys: Sequence[str] = ()
    explored: Sequence[str] = ()
    target: float = 0.0
    prompts: bool = False
    anomalies: Sequence[Any] = ()
    bottlenecks: Sequence[Any] = ()


class Wish(NamedTuple):
    """``direction`` 0: whichever the search says."""

    setting: str
    direction: int
    type: str
    priority: Priority
    safety: Safety
    expected: float
    because: str
    scope: str = ""


def wishes(sight: Sight) -> list[Wish]:
    """By priority, then by safety; of one key the first."""
    found: dict[str, Wish] = {}
    known = set(sight.keys)
    for wish in sorted(_all(sight), key=order):
        if wish.setting.startswith("action:") or wish.setting in known:
            found.setdefault(wish.setting, wish)
    return list(found.values())


def order(wish: Any) -> tuple[int, int]:
    """By priority, then by safety: of a wish, or of a proposal."""
    return _ORDER[wish.priority], _SAFETY[wish.safety]


def _all(sight: Sight) -> Iterator[Wish]:
    yield from _memory(sight)
    yield from _cache(sight)
    yield from _rate(sight)
    yield from _waits(sight)
    yield from _found(sight)
    for key in sight.explored:
        if (knob := knob_of(key)) is not None:
            yield Wish(key, 0, "explore", "low", knob.safety, 0.05, "the config lets it be tried", _scope(key))


def _memory(sight: Sight) -> Iterator[Wish]:
    used = sight.values.get("memory", 0.0)
    if used > MEMORY_HIGH:
        because = f"{used:.0%} of the memory is in use"
        yield Wish(COLLECT, 0, "memory", "high", "safe", 0.15, because)
        yield Wish("cache.memory", -1, "memory", "medium", "safe", 0.1, because)
        yield Wish("memory.collector.high", -1, "memory", "medium", "safe", 0.05, because)
    pause = sight.values.get("collector_pause", 0.0)
    if pause > PAUSE_LONG:
        yield Wish("memory.collector.pause", -1, "memory", "medium", "safe", 0.3,
                   f"a collection held everything for {pause * 1000:.0f} ms")  # fmt: skip


def _cache(sight: Sight) -> Iterator[Wish]:
    rate = sight.values.get("hit_rate")
    if rate is not None and rate < HIT_RATE_LOW:
        because = f"the cache answers {rate:.0%} of what it is asked"
        if sight.prompts:
            yield Wish(WARM, 0, "cache", "medium", "safe", 0.25, because)
        if sight.full > CACHE_FULL:
            yield Wish("cache.memory", 1, "cache", "medium", "safe", 0.1, f"{because}, and its memory is full")
        yield Wish("cache.exact.ttl", 1, "cache", "medium", "medium", 0.1, because)
        yield Wish("cache.semantic.max_error", 1, "cache", "low", "unsafe", 0.1, because)
    dislikes = sight.values.get("dislikes", 0.0)
    if dislikes > DISLIKED:
        yield Wish("cache.semantic.max_error", -1, "cache", "high", "safe", 0.2,
                   f"{dislikes:.0%} of what callers say of answers is bad")  # fmt: skip


def _rate(sight: Sight) -> Iterator[Wish]:
    rate = sight.values.get("token_rate")
    if rate is None or not sight.target or rate >= RATE_LOW * sight.target:
        return
    because = f"{rate:.1f} tokens a second where {sight.target:.1f} are wanted"
    for name in _fast(sight.pace):
        yield Wish(f"upstreams.{name}.weight", 1, "token_rate", "high", "medium", 0.2, f"{because}; {name} is faster",
                   f"upstream={name}")  # fmt: skip
    for key in ("streaming.merge.longest", "batching.max_wait", "batching.max_items"):
        yield Wish(key, 0, "token_rate", "high", "medium", 0.2, because)
    yield Wish("streaming.pace.burst", 1, "token_rate", "high", "medium", 0.2, because)


def _fast(pace: Mapping[str, float]) -> list[str]:
    """Upstreams that are clearly faster than the slowest, the fastest first."""
    slowest = max(pace.values(), default=0.0)
    return sorted((name for name, took in pace.items() if took < FASTER * slowest), key=lambda name: pace[name])


def _waits(sight: Sight) -> Iterator[Wish]:
    for room, share in sight.waits.items():
        if share > WAITING:
            because = f"calls wait {share:.0%} of their time in {room}"
            if room in ("batching", "grouping"):
                yield Wish(f"{room}.max_wait", -1, "waiting", "medium", "safe", share / 2, because)
            elif room in ("admission", "routing", "queue"):
                yield Wish("admission.limit", 1, "waiting", "medium", "medium", share / 2, because)
                yield from _more_seats(sight, because)


def _more_seats(sight: Sight, because: str) -> Iterator[Wish]:
    for key in sight.keys:
        if key.endswith(".max_in_flight"):
            yield Wish(key, 1, "waiting", "medium", "medium", 0.1, because, _scope(key))


def _found(sight: Sight) -> Iterator[Wish]:
    """What anomalies and bottlenecks ask for."""
    for one in sight.anomalies:
        kind, upstream = getattr(one, "kind", ""), getattr(one, "upstream", "") or _blamed(one)
        because = getattr(one, "cause", "") or f"an anomaly is open: {kind}"
        if kind in _SLOW:
            if upstream:
                yield Wish(f"upstreams.{upstream}.weight", -1, "latency", "high", "medium", 0.2, because,
                           f"upstream={upstream}")  # fmt: skip
            yield Wish("hedge.least_delay", -1, "latency", "medium", "medium", 0.1, because)
        elif kind == "memory_pressure":
            yield Wish(COLLECT, 0, "memory", "high", "safe", 0.15, because)
        elif kind == "low_hit_rate" and sight.prompts:
            yield Wish(WARM, 0, "cache", "medium", "safe", 0.25, because)
        elif kind == "queueing":
            yield from _more_seats(sight, because)
    for one in sight.bottlenecks:
        kind, because = getattr(one, "kind", ""), getattr(one, "description", "")
        if kind == "memory":
            yield Wish(COLLECT, 0, "memory", "high", "safe", 0.15, because)
        elif kind in ("upstream_queue", "queueing"):
            yield from _more_seats(sight, because)


def _blamed(anomaly: Any) -> str:
    dimension, _, value = str(getattr(anomaly, "blames", "") or "").partition("=")
    return value if dimension == "upstream" else ""


def _scope(key: str) -> str:
    return f"upstream={key.split('.', 1)[1].rpartition('.')[0]}" if key.startswith("upstreams.") else ""
