"""The sums that a report is made of: windows of a span and of the one before, put in buckets of time. Pure.

Enters: windows in any order. Leaves: totals of the span by model, upstream and other dimensions, and for both spans a
row of buckets, by which trends are judged and curves drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.core.sketch import count, quantile
from penstock.core.windows import Group, Part, Window

BUCKETS = 24
"""Of each of the two spans."""
SHOWN = 20
"""Models, upstreams, keys and the like that are told, by their calls."""
STEP_GROUPS = 20
"""Added at a time."""
HITS = ("hit-exact", "hit-semantic", "coalesced")


class Totals:
    """Of one span. ``gauges``: sum, number and most of the readings."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.operations: dict[str, int] = {}
        self.parts: dict[str, dict[str, Part]] = {}
        self.waits: dict[str, float] = {}
        self.gauges: dict[str, tuple[float, int, float]] = {}
        self._pairs: dict[tuple[str, str], Group] = {}
        self._folded: tuple[Group, dict[str, Group], dict[str, Group]] | None = None

    def add(self, window: Window) -> None:
        """Count ``window``, too."""
        for group in window.groups:
            self.add_group(group)
        self.add_rest(window)

    def add_group(self, group: Group) -> None:
        """Count a group of a window; the window itself is to be given to ``add_rest``."""
        name = (group.model, group.upstream)
        pair = self._pairs.get(name)
        if pair is None:
            pair = self._pairs.setdefault(name, Group(model=group.model, upstream=group.upstream))
        pair.add(group)
        self.operations[group.operation] = self.operations.get(group.operation, 0) + group.calls
        self._folded = None

    def add_rest(self, window: Window) -> None:
        """Count what a window has beside its groups."""
        self.seconds += window.known
        for dimension, values in window.parts.items():
            known = self.parts.setdefault(dimension, {})
            for value, part in values.items():
                known.setdefault(value, Part()).add(part)
        for room, spent in window.waits.items():
            self.waits[room] = self.waits.get(room, 0.0) + spent
        for gauge, reading in window.gauges.items():
            total, number, most = self.gauges.get(gauge, (0.0, 0, reading))
            self.gauges[gauge] = (total + reading, number + 1, max(most, reading))

    @property
    def whole(self) -> Group:
        """All calls."""
        return self._fold()[0]

    @property
    def models(self) -> dict[str, Group]:
        """By model."""
        return self._fold()[1]

    @property
    def upstreams(self) -> dict[str, Group]:
        """By upstream, without calls that went to none."""
        return self._fold()[2]

    def _fold(self) -> tuple[Group, dict[str, Group], dict[str, Group]]:
        if self._folded is None:
            whole, models, upstreams = Group(), dict[str, Group](), dict[str, Group]()
            for (model, upstream), pair in self._pairs.items():
                models.setdefault(model, Group(model=model)).add(pair)
                if upstream:
                    upstreams.setdefault(upstream, Group(upstream=upstream)).add(pair)
            for group in models.values():
                whole.add(group)
            self._folded = whole, models, upstreams
        return self._folded

    def mean(self, gauge: str) -> float | None:
        """Of a gauge; None where it was not read."""
        total, number, _ = self.gauges.get(gauge, (0.0, 0, 0.0))
        return total / number if number else None

    def cached(self) -> tuple[int, float, float]:
        """Answers of the cache, mean seconds of one, and of a call that it could not answer."""
        parts = self.parts.get("cache", {})
        hits = [parts[name] for name in HITS if name in parts]
        number = sum(part.calls for part in hits)
        miss = parts.get("miss", Part())
        return (
            number,
            sum(part.total for part in hits) / number if number else 0.0,
            miss.total / miss.calls if miss.calls else 0.0,
        )

    def __repr__(self) -> str:
        return f"<Totals of {self.whole.calls} calls in {self.seconds:.0f} s>"


class Collected:
    """Two spans of ``until`` - ``since`` seconds: the one that is reported and the one before it."""

    def __init__(self, since: float, until: float) -> None:
        self.since = since
        self.until = until
        self.step = (until - since) / BUCKETS
        self.now = Totals()
        self.before = Totals()
        self.buckets: list[Group | None] = [None] * (2 * BUCKETS)

    def add(self, window: Window) -> None:
        """Put it where its middle lies."""
        for _ in self.adding(window):
            pass

    def adding(self, window: Window) -> Iterator[None]:
        """The same in steps of some milliseconds, between which others may be served."""
        middle = window.start + window.seconds / 2
        place = int((middle - self.since) // self.step) + BUCKETS
        if not 0 <= place < len(self.buckets):
            return
        totals = self.now if place >= BUCKETS else self.before
        bucket = self.buckets[place]
        if bucket is None:
            bucket = self.buckets[place] = Group()
        for number, group in enumerate(window.groups, 1):
            totals.add_group(group)
            bucket.add(group)
            if not number % STEP_GROUPS:
                yield
        totals.add_rest(window)
        yield

    def __repr__(self) -> str:
        return f"<Collected {self.since:.0f} to {self.until:.0f}: {self.now!r}>"


def percentiles(sketch: dict[int, int]) -> dict[str, float] | None:
    """p50, p95 and p99; None of nothing."""
    if not sketch:
        return None
    return {f"p{share}": round(quantile(sketch, share / 100) or 0.0, 6) for share in (50, 95, 99)}


def row(group: Group) -> dict[str, Any]:
    """What is told of a group. Money in micro-dollars, as everywhere."""
    return {
        "calls": group.calls, "failed": group.failed, "faults": dict(group.faults),
        "tokens_in": group.tokens_in, "tokens_out": group.tokens_out, "tokens_cached": group.tokens_cached,
        "cost": group.cost, "saved": group.saved, "hits": group.hits, "looked_up": group.looked_up,
        "retried": group.retried, "rescued": group.rescued, "hedged": group.hedged, "degraded": group.degraded,
        "total": percentiles(group.totals), "ttft": percentiles(group.firsts), "gap": percentiles(group.gaps),
        "overhead": percentiles(group.overheads), "queue": percentiles(group.queues),
        "tokens_per_second": round(group.tokens_out / group.generating, 3) if group.generating else None,
    }  # fmt: skip


def summary(totals: Totals) -> dict[str, Any]:
    """The whole, and the rows of the largest models, upstreams, keys, tags and errors."""
    whole, seconds = totals.whole, totals.seconds
    return {
        **row(whole), "seconds": seconds, "calls_per_second": round(whole.calls / seconds, 4) if seconds else 0.0,
        "where": where(whole),
        "models": _largest(totals.models), "upstreams": _largest(totals.upstreams),
        **{f"{dimension}s": _parts(totals.parts.get(dimension, {})) for dimension in ("key", "tag", "error")},
    }  # fmt: skip


def _largest(groups: dict[str, Group]) -> list[dict[str, Any]]:
    order = sorted(groups.items(), key=lambda one: (-one[1].calls, one[0]))[:SHOWN]
    return [{"name": name, **row(group)} for name, group in order]


def _parts(parts: dict[str, Part]) -> list[dict[str, Any]]:
    order = sorted(parts.items(), key=lambda one: (-one[1].calls, one[0]))[:SHOWN]
    return [
        {"name": name, "calls": part.calls, "failed": part.failed, "tokens_in": part.tokens_in,
         "tokens_out": part.tokens_out, "cost": part.cost, "saved": part.saved}
        for name, part in order
    ]  # fmt: skip


def where(group: Group) -> dict[str, float]:
    """Where the time of a call goes, in seconds a call: our own share, waits for others, connecting, prompts being read
    and answers written; ``other`` is the rest of what upstreams and their network took. Connecting is taken out of
    what it delays: the first token of a stream, the answer of other calls."""
    calls = max(1, group.calls)
    connecting, streams = group.connecting / calls, group.streams / calls
    known = {
        "own": group.overhead / calls,
        "queue": group.queued / calls,
        "connecting": connecting,
        "prefill": max(0.0, group.prefill / calls - connecting * streams),
        "generating": max(0.0, group.generating / calls - connecting * (1.0 - streams)),
    }
    rest = max(0.0, group.total / calls - sum(known.values()))
    return {name: round(value, 6) for name, value in {**known, "other": rest}.items()}


def savings(totals: Totals) -> dict[str, Any]:
    """What caches and the like spared: ``seconds`` of waiting, micro-dollars."""
    number, hit, miss = totals.cached()
    each = max(0.0, miss - hit) if number and miss else 0.0
    return {
        "hits": number, "seconds": round(number * each, 3), "seconds_a_hit": round(each, 6),
        "hit_rate": round(totals.whole.hits / totals.whole.looked_up, 4) if totals.whole.looked_up else None,
        "saved": totals.whole.saved, "cost": totals.whole.cost,
        "streams": count(totals.whole.firsts),
    }  # fmt: skip
