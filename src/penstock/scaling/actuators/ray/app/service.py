"""An actuator that sets how many replicas a deployment of Ray Serve has, over Serve's REST API.

Ray is not needed here, and Ray chooses where they are and which end. Fails with ActuatorError.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.ray.app.schema import deployment_of, replicas_of, wanted_of, with_replicas
from penstock.scaling.actuators.ray_config import ServeConfig
from penstock.scaling.replica import Standing

ASK_SECONDS = 10.0
MOST_BYTES = 8 * 1024 * 1024
PATH = "/api/serve/applications/"

Exchange = Callable[[str, bytes | None], bytes]


class ServeApp:
    """An Actuator. ``exchange`` asks: a method and a body; it may block, and runs on a thread."""

    def __init__(self, config: ServeConfig, price: float = 0.0, exchange: Exchange | None = None) -> None:
        self._config = config
        self._price = price
        self._exchange = exchange or self._over_http

    async def current(self) -> Standing:
        """As Serve tells it."""
        deployment = deployment_of(await self._told(), self._config.application, self._config.deployment)
        return Standing(wanted_of(deployment), replicas_of(deployment), self._price)

    async def want(self, count: int, victims: Sequence[str] = ()) -> None:
        """Send Serve what it told, with another number."""
        whole = with_replicas(await self._told(), self._config.application, self._config.deployment, count)
        await asyncio.to_thread(self._exchange, "PUT", json.dumps(whole).encode())

    async def drain(self, name: str, *, drained: bool) -> None:
        """Serve chooses, and drains by itself (graceful_shutdown_wait_loop_s)."""

    async def _told(self) -> dict[str, Any]:
        answer = await asyncio.to_thread(self._exchange, "GET", None)
        try:
            told = json.loads(answer)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise ActuatorError(f"{self._where} answered something that is no JSON object")
        return told

    @property
    def _where(self) -> str:
        return f"Ray's dashboard at {self._config.url}"

    def _over_http(self, method: str, body: bytes | None) -> bytes:
        fields = {"content-type": "application/json"}
        if self._config.token:
            fields["authorization"] = f"Bearer {self._config.token}"
        asked = urllib.request.Request(self._config.url.rstrip("/") + PATH, body, fields, method=method)
        opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
        try:
            with opener.open(asked, timeout=ASK_SECONDS) as answer:
                return bytes(answer.read(MOST_BYTES))
        except urllib.error.HTTPError as error:
            said = " ".join(error.read(2000).decode(errors="replace").split())[-300:]
            raise ActuatorError(f"{self._where} answered {method} with {error.code}: {said}") from None
        except (OSError, http.client.HTTPException) as error:
            raise ActuatorError(f"{self._where} cannot be asked: {getattr(error, 'reason', error)}") from None

    async def aclose(self) -> None:
        """What runs there stays."""

    def __repr__(self) -> str:
        return f"<ServeApp {self._config.application}/{self._config.deployment} at {self._config.url}>"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token is shown to nobody else."""

    def redirect_request(self, *_: Any) -> None:
        return None
