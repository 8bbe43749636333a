"""What happened in one span of time: counts, sums and quantile sketches of the calls that ended in it. Pure.

Enters: records of finished calls, and gauges read at the end of the span. Leaves: a ``Window``, which merges with those
of other workers, other hosts and neighbouring spans. All of it is plain and bounded: names past the bound go to OTHER.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from penstock.core.sketch import Sketch, merge

SPAN = 10.0
"""Seconds of the finest windows; they begin at multiples of it since 1970."""
OTHER = "other"
MOST_GROUPS = 500
MOST_VALUES = 200
"""Of one dimension."""
PROMPT_BANDS = (256, 1024, 4096, 16384, 65536)
"""Upper bounds of the bands of prompt tokens; a band's name is its bound, the last is ``more``."""
DIMENSIONS = ("key", "tag", "prompt", "error", "cache")
GAUGES: dict[str, str] = {
    "cpu": "max",  # share of one core that the worker used
    "memory": "max",  # share of the memory limit
    "resident": "sum",  # bytes
    "loop_lag": "max",  # worst delay of the event loop, seconds
    "collector_pause": "max",  # worst pause of the collector, seconds
    "descriptors": "max",  # share of the limit
    "in_flight": "sum",
    "queued": "sum",  # calls that wait for a place or a seat
    "streams": "sum",
    "streams_paused": "sum",
    "store_waiting": "sum",  # writes that wait for the store
    "store_latency": "max",  # seconds of the slowest answer of the store
    "disk_free": "min",  # share of the disk that the store is on
    "disk_latency": "max",  # seconds of a small write and sync
    "network": "max",  # seconds of the round trip to callers, median
    "embedding": "max",  # seconds of one embedding, mean
    "connections_waited": "max",  # seconds for which calls waited to be connected, mean
    "cache_bytes": "sum",
    "cache_entries": "sum",
    "held_bytes": "sum",  # of all accounts of the ledger
    "events_dropped": "sum",
    "events_delayed": "sum",
}
"""What is read at the end of a span, and how the values of workers (and of spans) make one. One that a build cannot
read is absent: readers must bear that."""


class Group(msgspec.Struct):
    """Calls of one operation, model and upstream. Sums of seconds and micro-dollars; ``faults`` by whose fault
    (``left``: the caller went away), ``totals``, ``firsts`` (TTFT), ``gaps`` (mean inter-token latency of a call),
    ``queues`` and ``overheads`` are sketches of seconds. Calls that the cache answered are in it, but not in
    ``firsts`` and ``gaps``. ``held``: streams that waited until a first replica had started.
    """

    operation: str = ""
    model: str = ""
    upstream: str = ""
    calls: int = 0
    streams: int = 0
    faults: dict[str, int] = {}
    looked_up: int = 0
    hits: int = 0
    retried: int = 0
    rescued: int = 0
    hedged: int = 0
    batched: int = 0
    degraded: int = 0
    held: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    tokens_reasoning: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    total: float = 0.0
    first_byte: float = 0.0
    connecting: float = 0.0
    waited: float = 0.0
    queued: float = 0.0
    overhead: float = 0.0
    prefill: float = 0.0
    generating: float = 0.0
    cost: int = 0
    saved: int = 0
    totals: Sketch = {}
    firsts: Sketch = {}
    gaps: Sketch = {}
    queues: Sketch = {}
    overheads: Sketch = {}

    @property
    def failed(self) -> int:
        """Calls that ended with an error that is not their callers'."""
        return self.faults.get("gateway", 0) + self.faults.get("upstream", 0)

    def add(self, other: Group) -> None:
        """Count the calls of ``other``, too. The names stay."""
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in COUNTS:
            merge(getattr(self, name), getattr(other, name))


class Part(msgspec.Struct, array_like=True):
    """Calls that share one value of a dimension, whatever their group."""

    calls: int = 0
    failed: int = 0
    total: float = 0.0
    first_byte: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    hits: int = 0
    cost: int = 0
    saved: int = 0

    def add(self, other: Part) -> None:
        """Count the calls of ``other``, too."""
        for name in Part.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Window(msgspec.Struct):
    """``start``: Unix seconds; ``seconds``: how long. ``parts``: by dimension, then by value. ``waits``: seconds that
    rooms made calls wait, by room. ``feedback``: by model, count and sum of scores (0 to 1). ``worker``: whose it is,
    -1 for that of all. Of spans in a row ``gauges`` are means, ``peaks`` the worst; ``covered`` is for how many seconds
    of it something is known, 0 for all.
    """

    start: float
    seconds: float = SPAN
    groups: list[Group] = []
    parts: dict[str, dict[str, Part]] = {}
    gauges: dict[str, float] = {}
    waits: dict[str, float] = {}
    feedback: dict[str, tuple[int, float]] = {}
    worker: int = -1
    peaks: dict[str, float] = {}
    covered: float = 0.0

    @property
    def known(self) -> float:
        """Seconds of it of which something is known: what rates are made of."""
        return self.covered or self.seconds

    @property
    def calls(self) -> int:
        """All of them."""
        return sum(group.calls for group in self.groups)

    def group(self, model: str | None = None, upstream: str | None = None) -> Group:
        """The sum of the groups of ``model`` at ``upstream``; None stands for any."""
        total = Group(model=model or "", upstream=upstream or "")
        for one in self.groups:
            if model in (None, one.model) and upstream in (None, one.upstream):
                total.add(one)
        return total


SUMS = tuple(name for name, kind in Group.__annotations__.items() if kind in ("int", "float"))
COUNTS = tuple(name for name, kind in Group.__annotations__.items() if kind in ("Sketch", "dict[str, int]"))


class Sum:
    """A window to which the calls of others are added; ``window`` is what there is of it so far. Gauges are left to
    who adds: what they make together depends on whether the windows lie beside or behind each other."""

    def __init__(self, start: float, seconds: float) -> None:
        self.window = Window(start, seconds)
        self._groups: dict[tuple[str, str, str], Group] = {}

    def add(self, window: Window) -> None:
        """Count the calls of ``window``, too."""
        whole, groups = self.window, self._groups
        for group in window.groups:
            name = (group.operation, group.model, group.upstream)
            if name not in groups and len(groups) >= MOST_GROUPS:
                name = (group.operation, OTHER, OTHER)
            if name not in groups:
                groups[name] = Group(*name)
                whole.groups.append(groups[name])
            groups[name].add(group)
        for dimension, values in window.parts.items():
            known = whole.parts.setdefault(dimension, {})
            for value, part in values.items():
                name_of = value if value in known or len(known) < MOST_VALUES else OTHER
                known.setdefault(name_of, Part()).add(part)
        for room, spent in window.waits.items():
            whole.waits[room] = whole.waits.get(room, 0.0) + spent
        for model, (number, score) in window.feedback.items():
            had = whole.feedback.get(model, (0, 0.0))
            whole.feedback[model] = (had[0] + number, had[1] + score)

    def __repr__(self) -> str:
        return f"<Sum from {self.window.start:.0f}, {len(self._groups)} groups>"


def joined(windows: Iterable[Window], start: float, seconds: float) -> Window:
    """One window of many that lie beside each other: those of workers, or of hosts. Gauges as GAUGES says. Of spans in
    a row ``history.rollup`` makes one."""
    whole = Sum(start, seconds)
    joint = whole.window
    for window in windows:
        whole.add(window)
        for gauge, reading in window.gauges.items():
            joint.gauges[gauge] = worse(gauge, joint.gauges.get(gauge), reading)
        for gauge, reading in window.peaks.items():
            joint.peaks[gauge] = worse(gauge, joint.peaks.get(gauge), reading)
        joint.covered = max(joint.covered, window.covered)
    return joint


def worse(gauge: str, one: float | None, other: float) -> float:
    """What two readings of ``gauge`` at one time make."""
    if one is None:
        return other
    how = GAUGES.get(gauge, "max")
    return one + other if how == "sum" else min(one, other) if how == "min" else max(one, other)


_decode = msgspec.json.Decoder(Window).decode
encoded = msgspec.json.Encoder().encode
"""A window as bytes."""


def decoded(text: bytes | str) -> Window:
    """The window in ``text``. Raises ValueError when it is none."""
    return _decode(text)
