"""The composition root's part for alerts: worker 0 keeps what is open and was, and posts it to webhooks."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import random
import socket
import ssl
from typing import TYPE_CHECKING, Any

import msgspec

import penstock
from penstock.config import Config
from penstock.core.alert import Alert
from penstock.core.tasks import Crew
from penstock.edge.config import ListenConfig
from penstock.net.names import Names
from penstock.net.outward import Outward

if TYPE_CHECKING:
    from penstock.alerts.book import News
    from penstock.alerts.config import AlertsConfig, WebhookConfig
    from penstock.alerts.service import Webhook
    from penstock.alerts.store import History
    from penstock.assemble_watching import Watching

log = logging.getLogger("penstock")

LOG = "alerts"
SHOWN = 100
LEVELS = {"low": logging.INFO, "medium": logging.WARNING, "high": logging.WARNING, "critical": logging.ERROR}
AGENT = f"penstock/{penstock.__version__}".encode()
TEST_SECONDS = 20.0


class Alerts:
    """See the module. It survives reloads."""

    def __init__(self, watching: Watching) -> None:
        from penstock.alerts.book import Book
        from penstock.alerts.service import Posting

        gateway = watching.gateway
        self._gateway = gateway
        self._leads = watching.leads
        self._names = Names(gateway.clock.now)
        self._random = random.Random()
        self._tests = 0
        self._history: History | None = None
        self._config: AlertsConfig | None = None
        self._name = socket.gethostname()
        self._outward: list[Outward] = []
        self.book = Book()
        self._posting = Posting(gateway.crew.spawn, gateway.clock.now, self._look)
        if self._leads:
            watching.answers["alerts"] = self.answer
            watching.alerts = self

    def open(self) -> None:
        """Begin: remember what was, then post."""
        from penstock.alerts.store import History

        if not self._leads:
            return
        store, config = self._gateway.store, self._config
        if store is not None and config is not None:
            self._history = History(store.log(LOG, 2 * config.keep), self._name)
            self._gateway.crew.spawn(self._remember(self._history), "alerts of before")
        self._gateway.crew.supervise(self._posting)

    def follow(self, config: Config) -> None:
        """Keep and post as ``config`` says from now on."""
        from penstock.alerts.config import AlertsConfig

        section = config.of(AlertsConfig)
        if not self._leads or section == self._config:
            return
        before, self._config = self._config, section
        listen = config.of(ListenConfig)
        self._name = f"{socket.gethostname()}:{listen.port}"
        self.book.repeat = section.repeat
        self.book.resize(section.keep)
        if before is not None and _posts(before) == _posts(section):
            return
        for outward in self._outward:
            outward.close()
        self._outward = []
        pairs = zip(section.names, section.webhooks, strict=True)
        known = {webhook.name: webhook for webhook in self._posting.webhooks}
        self._posting.webhooks = [
            made for name, one in pairs if (made := self._webhook(name, one, section, known.get(name))) is not None
        ]

    def _webhook(
        self, name: str, config: WebhookConfig, section: AlertsConfig, known: Webhook | None
    ) -> Webhook | None:
        """A webhook; what waits for the one of that name stays in its line."""
        from penstock.alerts.line import Line
        from penstock.alerts.service import Webhook

        gateway = self._gateway
        try:
            outward = Outward(
                f"alerts.webhooks {name}", config.address, wheel=gateway.wheel, names=self._names,
                now=gateway.clock.now, ca_file=config.ca_file,
            )  # fmt: skip
        except (OSError, ssl.SSLError) as error:
            log.error("the webhook %s is not used: its ca_file does not fit: %s", name, error)
            return None
        self._outward.append(outward)
        line = Line(self._random.uniform) if known is None else known.line
        line.follow(
            config.severity, closing=config.closing or config.format == "pagerduty", tries=section.tries,
            rate=section.rate, most=section.queue,
        )  # fmt: skip
        return Webhook(
            name, config, line, outward.post, gateway=self._name, agent=AGENT, timeout=section.timeout,
            wall=gateway.clock.wall,
        )  # fmt: skip

    def tell(self, alert: Alert) -> None:
        """See ``core.alert.Tells``."""
        self._spread(self.book.tell(_sound(alert), self._gateway.clock.wall()))

    def _look(self) -> None:
        self._spread(self.book.due(self._gateway.clock.wall()))

    def _spread(self, news: list[News]) -> None:
        for one in news:
            alert = one.alert
            level = logging.INFO if one.what == "closed" else LEVELS[alert.severity]
            log.log(level, "alert %s %s (%s) %s: %s", alert.id, one.what, alert.severity, alert.name, alert.text)
            if self._history is not None:
                self._history.write(one)
            for webhook in self._posting.webhooks:
                webhook.line.offer(one)

    async def _remember(self, history: History) -> None:
        """What was closed is known again. What was open is over: who told of it ended with the process, and tells anew
        if it still sees it."""
        from penstock.alerts.book import News

        closed, ours = await history.read()
        now = self._gateway.clock.wall()
        ended = [
            msgspec.structs.replace(one, closed=now, facts={**one.facts, "closed_because": "the gateway restarted"})
            for one in ours
            if not self.book.knows(one)  # told since this process began
        ]
        self.book.restore([one for one in (*closed, *ended) if not self.book.knows(one)])
        self._spread([News("closed", one, one.severity) for one in ended])

    # ---- questions

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """What is open and was; or a test of the webhooks."""
        if question.get("do") == "test":
            return await self._test()
        if "do" in question:
            return {"status": 404, "code": "not_found", "problems": [f"alerts cannot do {question['do'][:40]!r}"]}
        try:
            count = max(0, min(10_000, int(question.get("count", SHOWN))))
        except ValueError:
            return {"status": 400, "code": "bad_query", "param": "count", "problems": ["count must be a number"]}
        return {
            "open": [msgspec.to_builtins(one) for one in self.book.open_ones()],
            "closed": [msgspec.to_builtins(one) for one in self.book.closed_ones(count)],
            "webhooks": [webhook.numbers() for webhook in self._posting.webhooks],
        }

    async def _test(self) -> dict[str, Any]:
        """Post a test to every webhook, past its line, and say how it went."""
        self._tests += 1
        crew = Crew("alert test")
        tasks = [crew.spawn(self._try(webhook), webhook.name) for webhook in self._posting.webhooks]
        try:
            return {"webhooks": [await task for task in tasks]}
        finally:
            await crew.aclose()

    async def _try(self, webhook: Webhook) -> dict[str, Any]:
        from penstock.alerts.book import News

        now, wall = self._gateway.clock.now, self._gateway.clock.wall()
        severity = webhook.config.severity
        alert = Alert(
            id=f"test{self._tests}", name="test", severity=severity, opened=wall,
            text="This is a test of alerts, asked for by an administrator. Nothing is wrong.",
        )  # fmt: skip
        began = now()
        try:
            async with asyncio.timeout(TEST_SECONDS):
                status, why, _ = await webhook.post(News("test", alert, severity))
                if not why and webhook.config.format == "pagerduty":  # the incident of the test ends at once
                    alert.closed = wall
                    status, why, _ = await webhook.post(News("closed", alert, severity))
        except TimeoutError:
            status, why = 0, "it took too long"
        return {
            "name": webhook.name, "format": webhook.config.format, "ok": not why, "status": status or None,
            "problem": why or None, "seconds": round(now() - began, 3),
        }  # fmt: skip

    def dump(self) -> dict[str, Any] | None:
        """Numbers for metrics; None at workers that keep none."""
        if not self._leads:
            return None
        return {
            "open": self.book.counts(),
            "opened": dict(self.book.opened),
            "webhooks": [
                [one.name, one.line.waiting, dict(one.line.results)] for one in self._posting.webhooks
            ],
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"<Alerts {self.book!r}>"


def _sound(alert: Alert) -> Alert:
    """``alert``, without what cannot be written as JSON."""
    try:
        msgspec.json.encode(alert)
    except (TypeError, ValueError, RecursionError):
        log.warning("alert %s holds what cannot be told", ascii(alert.id))
        plain = {name: str(getattr(alert, name)).encode("ascii", "replace").decode() for name in ("id", "name", "text")}
        return msgspec.structs.replace(alert, facts={}, **plain)
    return alert


def _posts(section: AlertsConfig) -> AlertsConfig:
    """What webhooks are made of."""
    return msgspec.structs.replace(section, keep=1000, repeat=0.0)


def alerting(watching: Watching) -> Alerts | None:
    """Alerts if the slice is installed."""
    return Alerts(watching) if importlib.util.find_spec("penstock.alerts") is not None else None
