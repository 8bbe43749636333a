"""The composition root's part for insight: worker 0 judges each window, tells what it finds, and remembers it.

Judges are functions of a window, in order; the first finds anomalies. What is usual is kept in the store, a part a
minute, so that a restart need not learn it anew. Without the insight slice nothing is judged.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.config import Config
from penstock.core.alert import SEVERITIES, Alert
from penstock.core.stored import Records
from penstock.core.windows import Window

if TYPE_CHECKING:
    from penstock.assemble_watching import Watching
    from penstock.insight.findings import Anomaly

log = logging.getLogger("penstock")

USUAL, FOUND = "insight_usual", "insight_anomalies"
KEEP_USUAL, KEEP_FOUND = 14 * 86_400.0, 90 * 86_400.0
MOST_TOLD = 1000
WRITES = 6
"""Windows after which a part of what is usual is written."""


class Insight:
    """See the module. It survives reloads."""

    def __init__(self, watching: Watching) -> None:
        from penstock.insight.anomaly import Anomalies
        from penstock.insight.anomaly_config import AnomalyConfig
        from penstock.insight.quality import Quality

        self._watching = watching
        self._gateway = watching.gateway
        self._config = AnomalyConfig()
        self._enabled = False
        self._found = Anomalies(self._config)
        self._quality = Quality()
        self._usual: Records | None = None
        self._history: Records | None = None
        self._turn: list[str] = []
        self._windows = 0
        self.judges: list[Callable[[Window], None]] = [self._judge, self._quality.take]
        """What is given each window, in order."""
        watching.takers.append(self.take)
        watching.answers["anomalies"] = self._answer
        watching.answers["quality"] = self._tell_quality

    def open(self) -> None:
        """Begin, with what is known from before."""
        store = self._gateway.store
        if self._watching.leads and store is not None:
            self._usual, self._history = store.records(USUAL), store.records(FOUND)
            self._gateway.crew.spawn(self._remember(self._usual, self._history), "insight of before")

    def follow(self, config: Config) -> None:
        """Judge as ``config`` says from now on; what is usual stays."""
        from penstock.insight.anomaly import Anomalies
        from penstock.insight.config import InsightConfig

        section = config.of(InsightConfig)
        self._enabled = section.enabled
        if section.anomaly != self._config:
            before, self._found = self._found, Anomalies(section.anomaly, self._found.last)
            for name in before.names():
                self._found.load(name, before.dump(name) or {})
            for anomaly in before.open:
                anomaly.end = self._gateway.clock.wall()
                self._close(anomaly)
            self._found.ended.extend([*before.ended, *before.open])
            self._config = section.anomaly

    def take(self, window: Window) -> None:
        """Have a window judged."""
        if self._enabled:
            for judge in self.judges:
                judge(window)

    def anomalies_open(self) -> list[Anomaly]:
        """Those that last."""
        return self._found.open

    def anomalies(self, last: int) -> list[Anomaly]:
        """So many of those that have ended, the newest first."""
        return list(self._found.ended)[: -last - 1 : -1]

    def _judge(self, window: Window) -> None:
        opened, ended = self._found.take(window)
        for anomaly in opened:
            log.warning("anomaly %s opens: %s, %s: %s", anomaly.id, anomaly.kind, anomaly.severity, anomaly.cause)
            self._write(anomaly)
            self._tell(anomaly)
        for anomaly in ended:
            log.warning("anomaly %s is over: %s", anomaly.id, anomaly.cause)
            self._close(anomaly)
        self._write_usual()

    def _close(self, anomaly: Anomaly) -> None:
        self._write(anomaly)
        self._tell(anomaly)

    def _tell(self, anomaly: Anomaly) -> None:
        """As an alert, if it is severe enough and somebody takes alerts."""
        alerts = self._watching.alerts
        least = self._config.alert
        if alerts is None or least == "off" or SEVERITIES.index(anomaly.severity) < SEVERITIES.index(least):
            return
        facts = {"blames": anomaly.blames, "measure": anomaly.measure, "deviation": anomaly.deviation}
        alerts.tell(
            Alert(
                id=f"anomaly:{anomaly.id}", name=f"anomaly_{anomaly.kind}", severity=anomaly.severity,
                text=anomaly.cause, opened=anomaly.start, closed=anomaly.end, facts=facts,
            )
        )  # fmt: skip

    # ---- what survives a restart

    def _write(self, anomaly: Anomaly) -> None:
        if self._history is not None:
            expires = self._gateway.clock.wall() + KEEP_FOUND
            self._history.put(anomaly.id.encode(), msgspec.json.encode(anomaly), expires)

    def _write_usual(self) -> None:
        """The next part of what is usual, once a minute: it is up to 50 KB."""
        self._windows += 1
        if self._usual is None or self._windows % WRITES:
            return
        if not self._turn:
            self._turn = self._found.names()
        name = self._turn.pop()
        kept = self._found.dump(name)
        if kept is not None:
            expires = self._gateway.clock.wall() + KEEP_USUAL
            self._usual.put(name.encode(), msgspec.msgpack.encode(kept), expires)

    async def _remember(self, usual: Records, history: Records) -> None:
        from penstock.insight.findings import Anomaly

        found = []
        with contextlib.suppress(OSError):
            async for rows in usual.scan():
                for key, value in rows:
                    with contextlib.suppress(ValueError, msgspec.DecodeError, AttributeError):
                        self._found.load(key.decode(), msgspec.msgpack.decode(value))
            async for rows in history.scan():
                for _, value in rows:
                    with contextlib.suppress(msgspec.DecodeError):
                        found.append(msgspec.json.decode(value, type=Anomaly))
        known = {anomaly.id for anomaly in (*self._found.open, *self._found.ended)}
        found = [anomaly for anomaly in found if anomaly.id not in known]
        found.sort(key=lambda anomaly: int(anomaly.id[1:]))
        for anomaly in found:
            if anomaly.end is None:  # it was open when the gateway ended: nobody knows for how long it went on
                anomaly.end = self._gateway.clock.wall()
                self._write(anomaly)
        if found:
            self._found.last = max(self._found.last, int(found[-1].id[1:]))
            self._found.ended.extendleft(reversed(found[-self._config.keep :]))
            for anomaly in found[: -self._config.keep]:
                history.delete([anomaly.id.encode()])

    # ---- what is asked

    async def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        if "do" in question:
            return {"status": 404, "code": "not_found", "problems": ["anomalies are only read"]}
        try:
            last = int(question.get("last", "50"))
            if not 0 <= last <= MOST_TOLD:
                raise ValueError
        except ValueError:
            return {"status": 400, "code": "bad_query", "param": "last",
                    "problems": [f"last must be a number from 0 to {MOST_TOLD}"]}  # fmt: skip
        return {
            "enabled": self._enabled,
            "open": [told(anomaly) for anomaly in self.anomalies_open()],
            "closed": [told(anomaly) for anomaly in self.anomalies(last)],
        }

    async def _tell_quality(self, question: dict[str, Any]) -> dict[str, Any]:
        if "do" in question:
            return {"status": 404, "code": "not_found", "problems": ["quality is only read"]}
        semantics = None if self._gateway.caching is None else self._gateway.caching.semantics.dump()
        bounds = [] if semantics is None else semantics["bounds"]
        return self._quality.told(self._gateway.clock.wall(), bounds)


def told(anomaly: Anomaly) -> dict[str, Any]:
    """An anomaly as plain values, with whom it blames."""
    plain: dict[str, Any] = json.loads(msgspec.json.encode(anomaly))
    return plain | {"blames": anomaly.blames}


def insight(watching: Watching) -> Insight | None:
    """An Insight if the slice is installed."""
    if importlib.util.find_spec("penstock.insight") is None:
        return None
    watching.insight = Insight(watching)
    return watching.insight
