"""The composition root's part for bottlenecks, recommendations, objectives and the report, all at the first worker.

What other parts say (anomalies, alerts, experiments, history) is asked of them where they are installed; the report
says of those that are not. Without history it knows the last ten minutes.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.assemble_report_past import UNITS, past
from penstock.config import Config
from penstock.core.units import parse_duration
from penstock.core.windows import SPAN, Window

if TYPE_CHECKING:
    from penstock.assemble_watching import History, Watching
    from penstock.core.alert import Alert
    from penstock.insight.recommending.known import Known
    from penstock.insight.report.totals import Collected

log = logging.getLogger("penstock")

KEPT = 60
"""Windows, where there is no history."""
ALERTS = 200
"""Of objectives, remembered."""
SPANS = 4
"""Sums of so many spans are kept until the next window comes."""
DAY = 86_400.0
SHORTEST, LONGEST = 60.0, 90 * DAY
ROWS = {"anomalies": "kind", "experiments": "state", "alerts": "opened"}
"""Parts whose rows the report shows, and a field that only these have."""


class Reporting:
    """See the module."""

    def __init__(self, watching: Watching) -> None:
        from penstock.insight.bottleneck_config import BottleneckConfig
        from penstock.insight.bottlenecks.standing import Bottlenecks
        from penstock.insight.objectives import Objectives
        from penstock.insight.objectives_config import ObjectivesConfig

        self._watching = watching
        self._gateway = watching.gateway
        self.enabled = True
        self.bottlenecks = Bottlenecks(BottleneckConfig())
        self.objectives = Objectives(ObjectivesConfig(), self._tell)
        self.alerts: deque[Alert] = deque(maxlen=ALERTS)
        self._recent: deque[Window] = deque(maxlen=KEPT)
        self._early: list[Window] | None = None
        self._sums: dict[float, Collected] = {}
        watching.takers.append(self.take)
        watching.bottlenecks_open = lambda: self.bottlenecks.now
        for part, answer in (
            ("bottlenecks", self.tell_bottlenecks), ("recommendations", self.tell_recommendations),
            ("objectives", self.tell_objectives), ("report", self.tell_report),
        ):  # fmt: skip
            watching.answers[part] = answer

    def open(self) -> None:
        """Begin: what was before this start counts for the budgets."""
        if self._watching.leads and self._history is not None:
            self._early = []
            self._gateway.crew.spawn(self._learn(self._history), "error budgets learn what was before")

    def follow(self, config: Config) -> None:
        """Judge as ``config`` says from now on."""
        from penstock.insight.config import InsightConfig

        section = config.of(InsightConfig)
        self.enabled = section.enabled
        self.bottlenecks.follow(section.bottleneck)
        self.objectives.follow(section.objectives)

    def take(self, window: Window) -> None:
        """A window is over."""
        from penstock.assemble_report_facts import facts

        self._sums.clear()
        if not self.enabled:
            return
        self._recent.append(window)
        while self._history is not None and len(self._recent) > self._judged:
            self._recent.popleft()
        self.bottlenecks.take(window, facts(self._gateway))
        if self._early is not None:
            self._early.append(window)
        else:
            self.objectives.take(window)

    def _tell(self, alert: Alert) -> None:
        if alert.closed is None:
            self.alerts.append(alert)
        if self._watching.alerts is not None:
            self._watching.alerts.tell(alert)
        else:
            log.log(logging.INFO if alert.closed else logging.WARNING, "alert %s %s: %s", alert.name,
                    "is over" if alert.closed else "is open", alert.text)  # fmt: skip

    async def _learn(self, history: History) -> None:
        now = self._gateway.clock.wall()
        try:
            before = await past(history, now - self.objectives.config.window, now, UNITS[0])
        except Exception:
            log.exception("the history could not be read: error budgets begin anew")
            before = []
        early, self._early = self._early or [], None
        first = early[0].start if early else now
        self.objectives.learn(window for window in before if window.start + window.seconds <= first)
        for window in early:
            self.objectives.take(window)

    @property
    def _judged(self) -> int:
        """The windows that are looked at for what is now."""
        return min(KEPT, max(1, round(self.bottlenecks.terms.over / SPAN)))

    @property
    def _history(self) -> History | None:
        return self._watching.history

    # ---- answers

    async def tell_bottlenecks(self, question: dict[str, Any]) -> dict[str, Any]:
        """Those that stand now, and where the time goes."""
        from penstock.insight.report.totals import where

        refused = self._refused(question)
        if refused is not None:
            return refused
        totals = self._totals_now()
        return {
            "bottlenecks": msgspec.to_builtins(self.bottlenecks.now), "seconds": totals.seconds,
            "calls": totals.whole.calls, "where": where(totals.whole),
        }  # fmt: skip

    async def tell_recommendations(self, question: dict[str, Any]) -> dict[str, Any]:
        """What might be changed, by what was seen in the time that is asked for (24 h)."""
        refused, since = self._asked(question)
        if refused is not None:
            return refused
        collected = await self._collected(since)
        return {"seconds": collected.now.seconds, "calls": collected.now.whole.calls,
                "recommendations": await self._recommended(collected)}  # fmt: skip

    async def tell_objectives(self, question: dict[str, Any]) -> dict[str, Any]:
        """Each with its budget, and the alerts that stand."""
        refused = self._refused(question)
        if refused is not None:
            return refused
        return {"objectives": self.objectives.told(), "alerts": msgspec.to_builtins(self.objectives.open)}

    async def tell_report(self, question: dict[str, Any]) -> dict[str, Any]:
        """The report on the time that is asked for (24 h); with ``view`` ``now`` what there is to see at a glance."""
        from penstock.insight.report.report import report

        refused, since = self._asked(question)
        if refused is not None:
            return refused
        parts, absent = await self._parts(since)
        if question.get("view") == "now":
            return self._glance(parts, absent)
        collected = await self._collected(since)
        parts["recommendations"] = await self._recommended(collected)
        return report(collected, parts, absent, self._gateway.clock.wall())

    def _glance(self, parts: dict[str, Any], absent: Mapping[str, str]) -> dict[str, Any]:
        from penstock.insight.report.totals import summary

        anomalies = [row for row in parts["anomalies"] or [] if row.get("end") is None]
        return {
            "at": self._gateway.clock.wall(), "summary": summary(self._totals_now()),
            **parts, "anomalies": anomalies, "absent": dict(absent),
        }  # fmt: skip

    def _refused(self, question: dict[str, Any]) -> dict[str, Any] | None:
        if "do" in question:
            return {"status": 404, "code": "not_found", "problems": ["nothing can be done here: it is only told"]}
        if not self.enabled:
            return {"status": 404, "code": "not_found", "problems": ["insight.enabled is false: nothing is judged"]}
        return None

    def _asked(self, question: dict[str, Any]) -> tuple[dict[str, Any] | None, float]:
        """What is wrong with the question, and the span that it asks for."""
        try:
            since = parse_duration(str(question.get("since", "24h")))
        except ValueError as error:
            return {"code": "bad_query", "param": "since", "problems": [f"since: {error}"]}, 0.0
        if not SHORTEST <= since <= LONGEST:
            return {"code": "bad_query", "param": "since", "problems": ["since: from 1m to 90d"]}, 0.0
        return self._refused(question), since

    # ---- what it is made of

    def _totals_now(self) -> Any:
        from penstock.insight.report.totals import Totals

        totals = Totals()
        for window in list(self._recent)[-self._judged :]:
            totals.add(window)
        return totals

    async def _collected(self, since: float) -> Collected:
        """The sums over the last ``since`` seconds and as many before. Others are served in between."""
        from penstock.insight.report.totals import Collected

        known = self._sums.get(since)
        if known is not None:
            return known
        until = self._recent[-1].start + SPAN if self._recent else self._gateway.clock.wall()
        collected = Collected(until - since, until)
        history = self._history
        windows = list(self._recent)
        if history is not None:
            windows = await past(history, until - 2 * since, until, collected.step)
        for window in windows:
            for _ in collected.adding(window):
                await asyncio.sleep(0)
        if len(self._sums) < SPANS:
            self._sums[since] = collected
        return collected

    async def _recommended(self, collected: Collected) -> list[dict[str, Any]]:
        from penstock.insight.recommend import recommendations

        found: list[dict[str, Any]] = msgspec.to_builtins(recommendations(await self._known(collected)))
        return found

    async def _known(self, collected: Collected) -> Known:
        from penstock.assemble_report_facts import settings
        from penstock.insight.recommending.known import Known

        status = await self._gateway.fleet.status()
        now, leaks, suggested = self._gateway.clock.now(), [], []
        for worker in status["workers"]:
            last = worker["collector"]["leak"]["last"]
            if last is not None:
                leaks.append(last | {"age": now - last["at"]})
            suggested += [(one["about"], one["name"], one["text"]) for one in worker["suggestions"]]
        return Known(
            totals=collected.now, settings=settings(self._gateway.config), bottlenecks=self.bottlenecks.now,
            leak=min(leaks, key=lambda one: one["age"]) if leaks else None,
            suggestions=list(dict.fromkeys(suggested)),
        )  # fmt: skip

    async def _parts(self, since: float) -> tuple[dict[str, Any], dict[str, str]]:
        """Rows by part, None for one that is absent, and why."""
        parts: dict[str, Any] = {
            "bottlenecks": msgspec.to_builtins(self.bottlenecks.now), "objectives": self.objectives.told(),
        }  # fmt: skip
        absent: dict[str, str] = {}
        if self._history is None:
            absent["history"] = f"not installed: nothing is known beyond the last {KEPT * SPAN / 60:.0f} minutes"
        begun = self._gateway.clock.wall() - since
        for name in ROWS:
            rows = await self._rows(name)
            if rows is None and name == "alerts":
                rows = msgspec.to_builtins(list(self.alerts))
            if rows is None:
                absent[name] = "not installed"
            parts[name] = None if rows is None else [row for row in rows if _concerns(row, begun)]
        return parts, absent

    async def _rows(self, part: str) -> list[dict[str, Any]] | None:
        """What a part tells, open and over; None where it is not installed or tells nothing."""
        answer = self._watching.answers.get(part)
        told = {"problems": []} if answer is None else await answer({})
        if "problems" in told:
            return None
        lists = [value for value in told.values() if isinstance(value, list)]
        rows = [row for rows in lists for row in rows if isinstance(row, dict) and ROWS[part] in row]
        return list({row["id"]: row for row in rows}.values())


def _concerns(row: Mapping[str, Any], begun: float) -> bool:
    """Whether it goes on, or ended after ``begun``."""
    ends = [row[name] for name in ("end", "closed", "ended") if name in row]
    return not ends or ends[0] is None or ends[0] >= begun


def reporting(watching: Watching) -> Reporting | None:
    """A Reporting if the slice is installed."""
    return Reporting(watching) if importlib.util.find_spec("penstock.insight") is not None else None
