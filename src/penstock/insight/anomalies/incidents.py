"""Changes that belong together become one anomaly, which opens, may find a deeper cause, and ends. Pure.

Enters: the changes of each window. Leaves: anomalies that open and end. What an open one explains opens no other, nor
does what comes soon after it has ended; the same cause again opens it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.insight.anomalies.causes import ORDER, PLACED, explains, is_within, root
from penstock.insight.anomalies.rows import Scope
from penstock.insight.anomalies.told import also, fill
from penstock.insight.anomalies.track import Symptom
from penstock.insight.findings import Anomaly, Contributor

Blame = Callable[[Symptom], list[Contributor]]
SETTLE = 1
"""Windows for which a change is looked at before it is told: its cause may show a little later."""
HELD = 4
"""Windows more while another is blamed in each."""
NARROW, LONG = 50.0, 60.0
"""Seconds since the beginning: from then on who is ``VAGUE`` may be blamed; and what was there for so long has shown
its cause."""
VAGUE = ("pair", "gateway")
"""A model at one upstream: its siblings may not have had the calls yet to show the same. All: there may be a deeper
cause, or one upstream that has not stood out yet."""
SUDDEN = 8.0
"""Standard deviations from which on it has just begun, whatever was suspected before."""
AFTER, ECHO = 15, 30
"""Windows after its end in which what an anomaly explains is not told, and in which the same again is the same one."""
DEEPER = 24
"""Windows in which a deeper cause may be found."""
MOST_OPEN = 50


class Incident:
    """An anomaly with what it was made of."""

    __slots__ = ("age", "anomaly", "cause", "quiet", "too")

    def __init__(self, anomaly: Anomaly, cause: Symptom) -> None:
        self.anomaly = anomaly
        self.cause = cause
        self.quiet = 0
        self.age = 0
        self.too: set[tuple[str, Scope]] = set()
        """Measures and scopes that turned out to be of it."""

    def covers(self, symptom: Symptom) -> bool:
        """Whether ``symptom`` is of it: the same change, or one that it explains."""
        cause = self.cause.measure
        if not (explains(cause, symptom.measure) or _twins(cause, symptom.measure)):
            return False
        if symptom.measure == "key_calls":
            return symptom.key == self.cause.key
        if (symptom.measure, symptom.scope) in self.too:
            return True
        if symptom.measure not in PLACED or cause not in PLACED or not self.anomaly.contributors:
            return True
        first = self.anomaly.contributors[0]
        return is_within(symptom.scope, first.dimension, first.value)


def _twins(one: str, other: str) -> bool:
    pairs = ({"first_token", "token_gap"}, {"upstream_errors", "retried", "dark"})
    return any(one in pair and other in pair for pair in pairs)


class Incidents:
    """``tells`` gives the next id."""

    def __init__(self, tells: Callable[[], str]) -> None:
        self._next = tells
        self._waiting: dict[tuple[object, ...], int] = {}
        self._blamed: set[tuple[str, str]] = set()
        """Who would have been blamed one window ago."""
        self.open: list[Incident] = []
        self.echoes: list[Incident] = []

    def take(self, time: float, symptoms: Sequence[Symptom], blame: Blame) -> tuple[list[Anomaly], list[Anomaly]]:
        """What has opened, and what has ended, with this window."""
        sure = [symptom for symptom in symptoms if symptom.sure]
        ended = self._go_on(time, symptoms, sure, blame)
        fresh = [one for one in sure if not any(incident.covers(one) for incident in self.open)]
        opened = [incident.anomaly for incident in self._again(fresh)]
        late = [incident for incident in self.echoes if incident.age <= AFTER]
        fresh = [one for one in fresh if not any(incident.covers(one) for incident in (*self.open, *late))]
        waiting: dict[tuple[object, ...], int] = {}
        for one in fresh:
            waiting[_name(one)] = self._waiting.get(_name(one), -1) + 1
        self._waiting = waiting
        before, self._blamed = self._blamed, set()
        while fresh and len(self.open) < MOST_OPEN:
            cause = root([*fresh, *(one for one in symptoms if not one.sure)])
            if cause is None:
                break
            contributors = blame(cause)
            first = contributors[0]
            self._blamed.add((first.dimension, first.value))
            waited = max(waiting.values())
            is_sudden = any(abs(one.off) >= SUDDEN for one in (cause, *fresh))
            age = 0.0 if is_sudden else time - min(one.since for one in fresh)
            if waited < SETTLE and age < LONG:
                break
            known = self._known(cause, first)
            if known is None:
                is_new = (first.dimension, first.value) not in before and age < LONG
                is_vague = first.dimension in VAGUE and cause.measure in PLACED and age < NARROW
                if (is_new or is_vague) and waited < SETTLE + HELD:
                    break
                known = self._begin(time, cause, contributors, symptoms, fresh)
                opened.append(known.anomaly)
            known.too.add((cause.measure, cause.scope))
            left = [one for one in fresh if not known.covers(one)]
            if len(left) == len(fresh):
                break
            fresh = left
            waiting = {_name(one): waiting[_name(one)] for one in fresh}
            if not waiting:
                break
        return opened, ended

    def _known(self, cause: Symptom, first: Contributor) -> Incident | None:
        """The anomaly, open or just over, that blames the same for what is the same."""
        for incident in (*self.open, *self.echoes):
            told = incident.anomaly.contributors[0]
            same = cause.measure == incident.cause.measure or _twins(cause.measure, incident.cause.measure)
            if same and (told.dimension, told.value) == (first.dimension, first.value):
                return incident
        return None

    def _begin(
        self, time: float, cause: Symptom, contributors: list[Contributor], symptoms: Sequence[Symptom],
        fresh: Sequence[Symptom],
    ) -> Incident:  # fmt: skip
        start = min([cause.since, *(one.since for one in fresh if explains(cause.measure, one.measure))])
        anomaly = Anomaly(
            id=self._next(), kind="traffic_shift", severity="low", measure=cause.measure, actual=0.0, expected=0.0,
            start=min(start, time),
        )  # fmt: skip
        incident = Incident(anomaly, cause)
        self._tell(incident, symptoms, contributors)
        self.open.append(incident)
        return incident

    def _tell(self, incident: Incident, symptoms: Sequence[Symptom], contributors: list[Contributor]) -> None:
        cause = incident.cause
        fill(incident.anomaly, cause, contributors, symptoms)
        incident.anomaly.context["also"] = also([one for one in symptoms if incident.covers(one)], cause)

    def _go_on(self, time: float, symptoms: Sequence[Symptom], sure: Sequence[Symptom], blame: Blame) -> list[Anomaly]:
        ended = []
        for incident in list(self.open):
            incident.age += 1
            mine = [one for one in sure if incident.covers(one)]
            deeper = self._deeper(incident, symptoms)
            if deeper is not None:
                incident.cause = deeper
                self._tell(incident, symptoms, blame(incident.cause))
                incident.quiet = 0
                continue
            same = [one for one in mine if _same(one, incident.cause)]
            if same:
                strongest = max(same, key=lambda one: abs(one.off))
                if incident.age <= DEEPER and abs(strongest.off) > abs(incident.cause.off):
                    incident.cause = strongest
                    self._tell(incident, symptoms, blame(incident.cause))
            if mine:
                incident.quiet = 0
                continue
            incident.quiet += 1
            if incident.quiet >= 2:
                incident.anomaly.end = time
                incident.age = 0
                self.open.remove(incident)
                self.echoes.append(incident)
                ended.append(incident.anomaly)
        for incident in self.echoes:
            incident.age += 1
        self.echoes = [incident for incident in self.echoes if incident.age <= ECHO]
        return ended

    def _deeper(self, incident: Incident, symptoms: Sequence[Symptom]) -> Symptom | None:
        """A cause of what was taken for the cause, that has shown itself since."""
        if incident.age > DEEPER:
            return None
        now = incident.cause
        able = [
            one for one in symptoms
            if one.sure and one.measure in ORDER and ORDER[one.measure] < ORDER[now.measure]
            and explains(one.measure, now.measure) and not _twins(one.measure, now.measure)
            and not any(other is not incident and other.covers(one) for other in self.open)
        ]  # fmt: skip
        return min(able, key=lambda one: ORDER[one.measure]) if able else None

    def _again(self, fresh: Sequence[Symptom]) -> list[Incident]:
        """Those that had ended and are back."""
        back = []
        for incident in list(self.echoes):
            if any(_same(one, incident.cause) and incident.covers(one) for one in fresh):
                incident.anomaly.end = None
                incident.age = DEEPER
                incident.quiet = 0
                self.echoes.remove(incident)
                self.open.append(incident)
                back.append(incident)
        return back


def _name(one: Symptom) -> tuple[object, ...]:
    return (one.measure, one.scope, one.key)


def _same(one: Symptom, cause: Symptom) -> bool:
    return one.measure == cause.measure and one.key == cause.key
