"""Posts news to webhooks, each at its own pace, in the background.

Enters: lines of news. Leaves: posts. A webhook that hangs holds up nobody else; redirects are not followed; what is
said of a failure never holds the address, which may be a secret. Never fails.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from penstock.alerts.book import News
from penstock.alerts.config import WebhookConfig
from penstock.alerts.line import Line
from penstock.alerts.post import body_of, fields_of, may_help
from penstock.core.call import Headers
from penstock.core.errors import Fail
from penstock.net.outward import Answer

log = logging.getLogger("penstock")

TICK_SECONDS = 0.25
_PHASES = {
    "dns": "its name cannot be resolved", "connect": "it cannot be reached", "tls": "the TLS handshake failed",
    "queue": "too many posts are under way",
}  # fmt: skip


class Post(Protocol):
    """``net.outward.Outward.post``."""

    async def __call__(self, headers: Headers, body: bytes, within: float) -> Answer: ...


class Webhook:
    """One webhook and what waits for it. ``gateway`` says who speaks."""

    def __init__(
        self, name: str, config: WebhookConfig, line: Line, post: Post, *, gateway: str, agent: bytes, timeout: float,
        wall: Callable[[], float],
    ) -> None:  # fmt: skip
        self.name = name
        self.config = config
        self.line = line
        self.timeout = timeout
        self._post = post
        self._gateway = gateway
        self._agent = agent
        self._wall = wall

    async def post(self, news: News) -> tuple[int, str, float | None]:
        """Post once: ``(status, what went wrong, seconds it asks to wait)``; 0 for no answer."""
        now = self._wall()
        body = body_of(news, self.config, self._gateway, now)
        try:
            answer = await self._post(fields_of(self.config, body, now, self._agent), body, self.timeout)
        except TimeoutError:
            return 0, f"it did not answer within {self.timeout:g} s", None
        except Fail as fail:
            return 0, _PHASES.get(fail.phase or "", "it broke the connection"), None
        except OSError:
            return 0, "it cannot be reached", None
        if 200 <= answer.status < 300:
            return answer.status, "", None
        why = f"it answered {answer.status}"
        if 300 <= answer.status < 400:
            why += " (redirects are not followed)"
        return answer.status, why, answer.after

    def numbers(self) -> dict[str, Any]:
        """How it is."""
        return {
            "name": self.name, "format": self.config.format, "severity": self.config.severity,
            "queued": self.line.waiting, **self.line.results, "trouble": self.line.trouble,
        }  # fmt: skip


class Posting:
    """The service. ``webhooks`` is replaced at a reload; ``spawn`` makes a task; ``tick`` is called each time."""

    name = "alerts"

    def __init__(
        self,
        spawn: Callable[[Coroutine[Any, Any, None], str], Any],
        now: Callable[[], float],
        tick: Callable[[], None],
    ) -> None:
        self.webhooks: list[Webhook] = []
        self._spawn = spawn
        self._now = now
        self._tick = tick

    async def run(self) -> None:
        while True:
            self._tick()
            for webhook in self.webhooks:
                news = webhook.line.next(self._now())
                if news is not None:
                    webhook.line.busy = True
                    self._spawn(self._send(webhook, news), f"alert to {webhook.name}")
            await asyncio.sleep(TICK_SECONDS)

    async def _send(self, webhook: Webhook, news: News) -> None:
        line = webhook.line
        try:
            status, why, after = await webhook.post(news)
        except Exception:
            log.exception("alert %s cannot be posted", news.alert.id)
            status, why, after = 400, "it cannot be written", None
        finally:
            line.busy = False
        if not why:
            line.sent(news)
        elif status and not may_help(status):
            line.refused(news, why)
            log.warning("the webhook %s refused alert %s: %s", webhook.name, news.alert.id, why)
        else:
            given_up = line.results["failed"]
            line.failed(news, why, self._now(), after)
            if line.results["failed"] != given_up:
                log.warning("alert %s was not told to the webhook %s: %s", news.alert.id, webhook.name, why)
