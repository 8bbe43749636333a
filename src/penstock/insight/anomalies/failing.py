"""Which upstream's attempts fail, by the calls that failed there and by those that had to be tried elsewhere. Pure.

Enters: the scopes as they stand. Leaves: the upstream that explains nearly all failed attempts, if one does, and how
unlikely that many are. A call that is saved by another upstream is counted there: it speaks against each other upstream
of its model, and for the one that answered it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from penstock.insight.anomalies.measures import CLEAR, PAIR, SPANS
from penstock.insight.anomalies.rows import GATEWAY, Scope
from penstock.insight.anomalies.scope import ScopeWatch
from penstock.insight.anomalies.track import Symptom, Track
from penstock.insight.baseline import unlikely

EXPLAINS = 0.8
"""Of all attempts that failed beyond what is usual, the share that the upstream must explain."""
AHEAD = 2.0
"""By so many attempts at least it must explain more than any other."""
TELLS = 4.0
"""A model without any failure speaks for itself where so many would be expected of it."""
GATE, SURE = 0.08, CLEAR + PAIR
"""It is looked for among all upstreams, and others' calls are counted to it: more is asked than of one measure."""
LEAST = 1e-3
MEASURES = ("upstream_errors", "retried")
Scopes = Mapping[Scope, ScopeWatch]


class Failing(NamedTuple):
    """``lost`` of ``attempts`` at an upstream failed, ``usual`` would; it explains ``share`` of all that did."""

    upstream: str
    lost: float
    attempts: float
    usual: float
    share: float


class _Cell(NamedTuple):
    """A model at an upstream: calls, those that failed there, and those that were saved there, with what is usual."""

    calls: float
    failed: float
    usually_failed: float
    saved: float
    usually_saved: float


def failing(scopes: Scopes, span: int) -> Failing | None:
    """The upstream whose attempts fail now; None where none explains them, or another could as well."""
    known = _cells(scopes, span)
    if not any(cell.failed or cell.saved for cell in known.values()):
        return None
    whole = sum(cell.failed + cell.saved - cell.usually_failed - cell.usually_saved for cell in known.values())
    ranks = sorted(
        (_blamed(upstream, known) for upstream in {upstream for _, upstream in known}),
        key=lambda one: one.usual - one.lost,
    )
    best = ranks[0]
    more = best.lost - best.usual
    next_best = max([0.0, *(one.lost - one.usual for one in ranks[1:2])])
    if whole <= 0 or more < EXPLAINS * whole or more - next_best < AHEAD or _is_one_model(best, known):
        return None
    return best._replace(share=round(min(1.0, more / whole), 3))


def _cells(scopes: Scopes, span: int) -> dict[tuple[str, str], _Cell]:
    known = {}
    for (model, upstream), watch in scopes.items():
        if model is None or upstream is None:
            continue
        failed, calls, usually = watch.counted("upstream_errors", span)
        retried, _, usually_retried = watch.counted("retried", span)
        known[model, upstream] = _Cell(
            calls, failed, usually, max(0.0, retried - failed), max(0.0, usually_retried - usually)
        )
    return known


def _by_model(upstream: str, known: Mapping[tuple[str, str], _Cell]) -> dict[str, tuple[float, float, float]]:
    """By each model of the upstream, what may be its fault: failed attempts, of how many, and how many usually fail."""
    found = {model: (0.0, 0.0, 0.0) for model, place in known if place == upstream}
    for (model, place), cell in known.items():
        if model in found:
            lost, attempts, usual = found[model]
            if place == upstream:
                found[model] = (lost + cell.failed, attempts + cell.calls, usual + cell.usually_failed)
            else:
                found[model] = (lost + cell.saved, attempts + cell.saved, usual + cell.usually_saved)
    return found


def _blamed(upstream: str, known: Mapping[tuple[str, str], _Cell]) -> Failing:
    """What the upstream would explain if all that may be its fault is."""
    lost, attempts, usual = map(sum, zip(*_by_model(upstream, known).values(), strict=True))
    return Failing(upstream, lost, attempts, usual, 0.0)


def _is_one_model(best: Failing, known: Mapping[tuple[str, str], _Cell]) -> bool:
    """Whether all that fails is one model's, and another at the same upstream is well."""
    worst_lost, worst_calls, _ = max(_by_model(best.upstream, known).values(), key=lambda one: one[0])
    rate = worst_lost / worst_calls if worst_calls else 0.0
    others = best.attempts - worst_calls
    return rate * others >= TELLS and best.lost - worst_lost <= 0.2 * rate * others


class FailingWatch:
    """Follows the upstreams whose attempts fail, window by window."""

    def __init__(self) -> None:
        self._tracks: dict[str, Track] = {}

    def take(self, time: float, scopes: Scopes, is_odd: bool) -> list[Symptom]:
        """The upstreams that fail, or may. ``is_odd``: whether failures or retries are more than usual anywhere: else
        there is nothing to look for."""
        found: dict[str, Symptom] = {}
        for span in range(len(SPANS)) if is_odd else ():
            one = failing(scopes, span)
            if one is None or one.attempts < 2 * TELLS:
                continue
            symptom = self._judged(time, one, scopes, span)
            if symptom is not None and symptom.off > (found[one.upstream].off if one.upstream in found else 0.0):
                found[one.upstream] = symptom
        told = []
        for upstream in {*self._tracks, *found}:
            track, now = self._tracks.setdefault(upstream, Track()), found.get(upstream)
            active = track.take(time, now is not None and now.off >= SURE, now is not None, 0)
            if track.overdue or (now is None and not active):
                del self._tracks[upstream]
            elif now is not None:
                told.append(now._replace(sure=active, since=track.since))
        return told

    def _judged(self, time: float, one: Failing, scopes: Scopes, span: int) -> Symptom | None:
        expected = max(LEAST, one.usual / one.attempts)
        actual = one.lost / one.attempts
        own = scopes.get((None, one.upstream))
        if own is None or actual - expected < GATE or actual < 2 * expected or expected >= 1.0:
            return None
        scale = min([scopes[GATEWAY].scale("retried", span), *(own.scale(name, span) for name in MEASURES)])
        off = scale * unlikely(one.lost, one.attempts, expected)
        if off < CLEAR - PAIR:
            return None
        return Symptom("upstream_errors", own.scope, actual, expected, actual - expected, off, False, time, span=span)
