"""Finds what is out of the ordinary in the windows of a gateway, and whose fault it is. Pure.

Enters: windows in order. Leaves: anomalies that open and end, one for each fault. It stands on what is usual in each
scope of calls (``anomalies/scope.py``), of each gauge and each key, and on a table of causes (``anomalies/causes.py``).
Nothing is said before ten minutes of windows with calls enough, nor of what has fewer than ``least_calls`` calls.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from penstock.core.sketch import quantile
from penstock.core.windows import Group, Window
from penstock.insight.anomalies.blame import blamed, losses
from penstock.insight.anomalies.failing import MEASURES, FailingWatch
from penstock.insight.anomalies.gauges import GaugeWatch
from penstock.insight.anomalies.incidents import Incidents
from penstock.insight.anomalies.keys import KeyWatch
from penstock.insight.anomalies.measures import SPANS, SUSPECT, measures
from penstock.insight.anomalies.prices import Prices
from penstock.insight.anomalies.rows import GATEWAY, MOST_SCOPES, Scope, by_scope, empty
from penstock.insight.anomalies.scope import ScopeWatch
from penstock.insight.anomalies.track import Symptom, Track
from penstock.insight.anomaly_config import AnomalyConfig
from penstock.insight.contributors import Parts
from penstock.insight.findings import Anomaly

DARK = 0.8
"""The share of its calls that an upstream must have lost for it to be dark."""
SURE = 5.5
FORGOTTEN = 86_400.0
"""Seconds without a call after which a scope makes room for another."""
CONTEXT = ("cpu", "memory", "loop_lag", "in_flight", "queued")


class Anomalies:
    """See the module. ``last`` is the number of the last anomaly."""

    def __init__(self, config: AnomalyConfig, last: int = 0) -> None:
        self._measures = measures(config)
        self._config = config
        self.last = last
        self.scopes: dict[Scope, ScopeWatch] = {GATEWAY: ScopeWatch(GATEWAY, self._measures)}
        self.gauges = GaugeWatch(config)
        self.keys = KeyWatch()
        self.failing = FailingWatch()
        self.parts = Parts()
        self.prices = Prices()
        self.incidents = Incidents(self._next)
        self.ended: deque[Anomaly] = deque(maxlen=config.keep)
        self._dark: dict[str, Track] = {}

    def _next(self) -> str:
        self.last += 1
        return f"a{self.last}"

    @property
    def open(self) -> list[Anomaly]:
        """Those that last."""
        return [incident.anomaly for incident in self.incidents.open]

    def take(self, window: Window) -> tuple[list[Anomaly], list[Anomaly]]:
        """What has opened, and what has ended, with this window."""
        time = window.start + window.seconds
        rows = by_scope(window, self)
        self._make_room(time, rows)
        symptoms: list[Symptom] = []
        for scope, watch in self.scopes.items():
            symptoms += watch.take(time, rows.get(scope) or empty())
        symptoms = [one for one in symptoms if one.measure != "calls" or one.scope[1] is None]
        symptoms += self.gauges.take(time, window.gauges)
        is_odd = self.scopes[GATEWAY].tainted
        self.parts.take(window, not is_odd)
        self._price(window)
        symptoms += self.keys.take(time, window.parts.get("key", {}), False)
        symptoms += self._dark_ones(time)
        symptoms += self.failing.take(time, self.scopes, any(one.measure in MEASURES for one in symptoms))
        opened, ended = self.incidents.take(time, symptoms, lambda one: blamed(one, self.scopes, self.parts))
        for anomaly in opened:
            if anomaly in self.ended:
                self.ended.remove(anomaly)
            self._context(anomaly, window)
        self.ended.extend(ended)
        return opened, ended

    def cost(self, group: Group) -> float:
        """What calls should have cost."""
        return self.prices.expected(group)

    def level(self, scope: Scope, measure: str) -> float | None:
        """What is usual for a model at an upstream; None where that is not known."""
        watch = self.scopes.get(scope)
        return None if watch is None else watch.level(measure)

    def _dark_ones(self, time: float) -> list[Symptom]:
        """Upstreams that get next to nothing of what they should."""
        found = []
        for span in range(len(SPANS) // 2, len(SPANS)):
            for upstream, (had, has) in losses(self.scopes, span).items():
                windows = SPANS[span]
                off = 2 * (math.sqrt(has * windows + 0.25) - math.sqrt(had * windows + 0.25))
                if has <= (1 - DARK) * had and off <= -SUSPECT:
                    change = math.log((has + 0.01) / (had + 0.01))
                    found.append(Symptom("dark", (None, upstream), has, had, change, off, False, time, span=span))
        worst = {one.scope[1] or "": one for one in sorted(found, key=lambda one: -one.off)}
        told = []
        for upstream in {*self._dark, *worst}:
            one, track = worst.get(upstream), self._dark.setdefault(upstream, Track())
            is_dark = one is not None and one.off <= -SURE
            active = track.take(time, is_dark, one is not None, 0)
            if track.overdue or (one is None and not active):
                del self._dark[upstream]
            elif one is not None and (is_dark or active):
                told.append(one._replace(sure=active, since=track.since))
        return told

    def _price(self, window: Window) -> None:
        """Learn prices where they have not changed lately."""
        odd = {}
        for (model, upstream), watch in self.scopes.items():
            if model is not None and upstream is not None:
                track = watch.track("price")
                odd[model, upstream] = track is not None and bool(track.tainted)
        self.prices.take(window.groups, odd)

    def _make_room(self, time: float, rows: dict[Scope, Any]) -> None:
        for scope in rows:
            if scope in self.scopes:
                continue
            if len(self.scopes) >= MOST_SCOPES:
                oldest = min((one for one in self.scopes if one != GATEWAY), key=lambda one: self.scopes[one].seen)
                if time - self.scopes[oldest].seen < FORGOTTEN:
                    continue
                del self.scopes[oldest]
            model, upstream = scope
            is_pair = model is not None and upstream is not None
            parents = [self.scopes[one] for one in ((model, None), (None, upstream)) if is_pair and one in self.scopes]
            self.scopes[scope] = ScopeWatch(scope, self._measures, parents)

    def _context(self, anomaly: Anomaly, window: Window) -> None:
        """Numbers of the window in which it was found."""
        group = window.group(anomaly.model or None, anomaly.upstream or None)
        calls = max(1, group.calls)
        found: dict[str, Any] = {
            "calls": group.calls,
            "failed": group.failed,
            "tokens_in": round(group.tokens_in / calls, 1),
            "tokens_out": round(group.tokens_out / calls, 1),
            "hit_rate": round(group.hits / group.looked_up, 3) if group.looked_up else None,
        }
        for name, sketch in (("ttft", group.firsts), ("total", group.totals)):
            for share in (0.5, 0.95):
                value = quantile(sketch, share)
                if value is not None:
                    found[f"{name}_p{100 * share:.0f}"] = round(value, 4)
        found.update({name: window.gauges[name] for name in CONTEXT if name in window.gauges})
        anomaly.context.update(found)

    # ---- what survives a restart

    def names(self) -> list[str]:
        """Of all that ``dump`` gives, one by one: it is much, and written little by little."""
        return [
            "gauges",
            *(f"scope {model or ''}|{upstream or ''}" for model, upstream in self.scopes if _sound(model, upstream)),
        ]

    def dump(self, name: str) -> dict[str, Any] | None:
        """What is usual in one part, as plain values; None where there is none."""
        if name == "gauges":
            return self.gauges.dump()
        watch = self.scopes.get(_scope(name))
        return None if watch is None else watch.dump()

    def load(self, name: str, kept: dict[str, Any]) -> None:
        """Go on from what ``dump`` gave."""
        if name == "gauges":
            self.gauges.load(kept)
        elif name.startswith("scope "):
            scope = _scope(name)
            self._make_room(0.0, {scope: None})
            if scope in self.scopes:
                self.scopes[scope].load(kept)

    def __repr__(self) -> str:
        return f"<Anomalies {len(self.open)} open, {len(self.scopes)} scopes>"


def _sound(model: str | None, upstream: str | None) -> bool:
    return model != "" and "|" not in (model or "")


def _scope(name: str) -> Scope:
    model, _, upstream = name.removeprefix("scope ").partition("|")
    return (model or None, upstream or None)
