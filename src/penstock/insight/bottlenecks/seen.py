"""What bottlenecks are judged by: the sums of the last windows, and facts that no window holds. Pure.

Enters: windows. Leaves: a ``Seen``. Sketches are not merged here: this runs every ten seconds where calls are served,
and their counts are enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from penstock.core.sketch import count
from penstock.core.windows import Group, Part, Window


class Sums:
    """Of some groups. ``firsts``: streams with a first token from an upstream, ``held``: calls that waited for others,
    ``asked``: calls that went to an upstream."""

    __slots__ = (
        "asked", "calls", "connecting", "firsts", "generating", "held", "hits", "looked_up", "overhead", "prefill",
        "queued", "tokens_cached", "tokens_in", "tokens_out", "total",
    )  # fmt: skip

    def __init__(self) -> None:
        self.calls = self.tokens_out = self.tokens_in = self.tokens_cached = self.looked_up = self.hits = 0
        self.firsts = self.held = self.asked = 0
        self.total = self.prefill = self.queued = self.connecting = self.overhead = self.generating = 0.0

    def add(self, other: Sums) -> None:
        """Add those of others."""
        self.calls += other.calls
        self.tokens_out += other.tokens_out
        self.tokens_in += other.tokens_in
        self.tokens_cached += other.tokens_cached
        self.looked_up += other.looked_up
        self.hits += other.hits
        self.firsts += other.firsts
        self.held += other.held
        self.asked += other.asked
        self.total += other.total
        self.prefill += other.prefill
        self.queued += other.queued
        self.connecting += other.connecting
        self.overhead += other.overhead
        self.generating += other.generating

    @property
    def latency(self) -> float:
        """Mean seconds of a call."""
        return self.total / self.calls if self.calls else 0.0

    def __repr__(self) -> str:
        return f"<Sums of {self.calls} calls>"


class Upstream(NamedTuple):
    """How an upstream stands. ``waiting``: seconds of prompts that wait inside it, by what was learned of its speed;
    ``taken`` of ``seats`` where their number is limited (0: it is not)."""

    in_flight: int = 0
    capacity: int = 0
    waiting: float = 0.0
    taken: int = 0
    seats: int = 0


class Facts(NamedTuple):
    """What no window holds. ``door``: calls inside and the most that may be; ``redis``: the store is shared."""

    workers: int = 1
    upstreams: Mapping[str, Upstream] = {}
    door: tuple[int, int] = (0, 0)
    redis: bool = False
    embedder: str = ""


class Seen(NamedTuple):
    """``means`` and ``worst`` of the gauges over the windows; ``miss`` and ``hit``: mean seconds of a call that the
    cache could not answer, and of one that it did (0 where there was none); ``facts`` as of now."""

    seconds: float
    whole: Sums
    models: Mapping[str, Sums]
    upstreams: Mapping[str, Sums]
    means: Mapping[str, float]
    worst: Mapping[str, float]
    waits: Mapping[str, float]
    miss: float
    hit: float
    facts: Facts


class Digest:
    """What is needed of one window, made once."""

    __slots__ = ("gauges", "hits", "misses", "models", "seconds", "upstreams", "waits")

    def __init__(self, window: Window) -> None:
        self.seconds = window.seconds
        self.gauges = window.gauges
        self.waits = window.waits
        self.models: dict[str, Sums] = {}
        self.upstreams: dict[str, Sums] = {}
        for group in window.groups:
            sums = _sums(group)
            _into(self.models, group.model, sums)
            if group.upstream:
                _into(self.upstreams, group.upstream, sums)
        parts = window.parts.get("cache", {})
        self.hits = [part for result, part in parts.items() if result.startswith("hit")]
        self.misses = [part for result, part in parts.items() if result == "miss"]

    def __repr__(self) -> str:
        return f"<Digest of {len(self.models)} models, {len(self.upstreams)} upstreams>"


def _sums(group: Group) -> Sums:
    sums = Sums()
    for name in Sums.__slots__:
        setattr(sums, name, getattr(group, name, 0))
    sums.firsts, sums.held = count(group.firsts), count(group.queues)
    sums.asked = group.calls if group.upstream else 0
    return sums


def _into(known: dict[str, Sums], name: str, sums: Sums) -> None:
    if name not in known:
        known[name] = Sums()
    known[name].add(sums)


def seen(digests: Iterable[Digest], facts: Facts) -> Seen:
    """What windows say together."""
    whole, seconds = Sums(), 0.0
    models: dict[str, Sums] = {}
    upstreams: dict[str, Sums] = {}
    readings: dict[str, list[float]] = {}
    waits: dict[str, float] = {}
    hits: list[Part] = []
    misses: list[Part] = []
    for digest in digests:
        seconds += digest.seconds
        for known, more in ((models, digest.models), (upstreams, digest.upstreams)):
            for name, sums in more.items():
                _into(known, name, sums)
        for gauge, value in digest.gauges.items():
            readings.setdefault(gauge, []).append(value)
        for room, spent in digest.waits.items():
            waits[room] = waits.get(room, 0.0) + spent
        hits += digest.hits
        misses += digest.misses
    for sums in models.values():
        whole.add(sums)
    return Seen(
        seconds, whole, models, upstreams,
        {gauge: sum(values) / len(values) for gauge, values in readings.items()},
        {gauge: max(values) for gauge, values in readings.items()},
        waits, _mean(misses), _mean(hits), facts,
    )  # fmt: skip


def _mean(parts: Iterable[Part]) -> float:
    """Seconds of a call of these."""
    calls, total = 0, 0.0
    for part in parts:
        calls += part.calls
        total += part.total
    return total / calls if calls else 0.0
