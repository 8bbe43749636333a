"""Which bottlenecks stand now: judged every window, opened and closed so that none flickers, dearest first. Pure.

Enters: windows, facts, thresholds. Leaves: bottlenecks. One opens when its measure was at the threshold in two
judgements in a row, and closes when it was below nine tenths of it in three.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from penstock.core.windows import SPAN, Window
from penstock.insight.bottleneck_config import BottleneckConfig
from penstock.insight.bottlenecks import calls, own
from penstock.insight.bottlenecks.seen import Digest, Facts, Seen, seen
from penstock.insight.bottlenecks.suspect import Suspect
from penstock.insight.findings import Bottleneck

OPENS_AFTER, CLOSES_AFTER = 2, 3
CLOSES_BELOW = 0.9
MOST_MODELS = 500
SPARE_CPU = 0.7
"""Below this use of CPU, what tokens take is taken for usual."""
LEARNS = 0.05
LEAST_TOKENS = 100


class _Stand:
    """How long a suspect has been above, or below."""

    __slots__ = ("above", "below", "open", "since")

    def __init__(self) -> None:
        self.above = self.below = 0
        self.open = False
        self.since = 0.0

    def judge(self, ratio: float, at: float) -> None:
        if ratio >= 1.0:
            self.above, self.below = self.above + 1, 0
        elif ratio < CLOSES_BELOW:
            self.above, self.below = 0, self.below + 1
        else:
            self.above = self.below = 0
        if not self.open and self.above >= OPENS_AFTER:
            self.open, self.since = True, at
        elif self.open and self.below >= CLOSES_AFTER:
            self.open = False


class Bottlenecks:
    """See the module. ``now`` are those that stand, the dearest first: by impact and the share of calls."""

    def __init__(self, terms: BottleneckConfig) -> None:
        self._digests: deque[Digest] = deque()
        self._stands: dict[tuple[str, str], _Stand] = {}
        self._last: dict[tuple[str, str], Bottleneck] = {}
        self._gaps: dict[str, float] = {}
        self.seen: Seen | None = None
        self.follow(terms)

    def follow(self, terms: BottleneckConfig) -> None:
        """The thresholds in force."""
        self.terms = terms
        self._kept = max(1, round(terms.over / SPAN))

    def take(self, window: Window, facts: Facts) -> None:
        """Judge anew, with one window more."""
        digest = Digest(window)
        self._digests.append(digest)
        while len(self._digests) > self._kept:
            self._digests.popleft()
        self.seen = seen(self._digests, facts)
        found = {(one.kind, one.name): one for one in self._suspects(self.seen)}
        self._learn(digest)
        for name in [*self._stands, *(name for name in found if name not in self._stands)]:
            one = found.get(name)
            stand = self._stands.setdefault(name, _Stand())
            stand.judge(0.0 if one is None else one.ratio, window.start + window.seconds)
            if not stand.open and not stand.above:
                del self._stands[name]
                self._last.pop(name, None)
            elif one is not None and (one.ratio >= CLOSES_BELOW or name not in self._last):
                self._last[name] = _told(one, stand.since)

    @property
    def now(self) -> list[Bottleneck]:
        """See the class."""
        stand = [self._last[name] for name, one in self._stands.items() if one.open and name in self._last]
        return sorted(stand, key=lambda one: -one.impact * one.share)

    def _suspects(self, now: Seen) -> Iterator[Suspect]:
        if now.whole.calls < self.terms.least_calls:
            return
        terms = self.terms
        yield from own.cpu(now, terms, self._pace(now))
        for judge in (own.loop, own.collector, own.memory, own.store, own.embedding, own.network):
            yield from judge(now, terms)
        for judge in (calls.context, calls.queueing, calls.upstream_queue, calls.connections):
            yield from judge(now, terms)

    def _pace(self, now: Seen) -> float | None:
        """The token rate as a share of what is usual for the same tokens of the same models; None while not known."""
        expected = actual = 0.0
        for model, sums in now.models.items():
            gap = self._gaps.get(model)
            if gap is not None and sums.tokens_out >= LEAST_TOKENS:
                expected += gap * sums.tokens_out
                actual += sums.generating
        return expected / actual if actual else None

    def _learn(self, digest: Digest) -> None:
        """What a token takes while there is CPU to spare."""
        if digest.gauges.get("cpu", 1.0) >= SPARE_CPU:
            return
        for model, sums in digest.models.items():
            if sums.tokens_out < LEAST_TOKENS or not sums.generating:
                continue
            gap = sums.generating / sums.tokens_out
            known = self._gaps.get(model)
            if known is None and len(self._gaps) >= MOST_MODELS:
                continue
            self._gaps[model] = gap if known is None else known + LEARNS * (gap - known)

    def __repr__(self) -> str:
        return f"<Bottlenecks {', '.join(one.kind for one in self.now) or 'none'}>"


def _told(one: Suspect, since: float) -> Bottleneck:
    return Bottleneck(
        kind=one.kind, severity=one.severity, description=one.description,
        evidence={name: round(value, 6) for name, value in one.evidence.items()}, impact=round(one.impact, 6),
        share=round(min(1.0, one.share), 4), recommendation=one.recommendation, action=one.action, name=one.name,
        since=since,
    )  # fmt: skip
