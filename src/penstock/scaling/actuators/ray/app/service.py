"""An actuator that sets how many replicas a deployment of Ray Serve has, over Serve's REST API.

Ray is not needed here, and Ray chooses where they are and which end. Fails with ActuatorError.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from penstock.core.deadlines import Wheel
from penstock.core.errors import Fail
from penstock.core.reply import collect
from penstock.net.client import Origin
from penstock.net.names import Names
from penstock.net.reach import Patience, Reach
from penstock.net.tls import client_context
from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.ray.app.schema import deployment_of, replicas_of, wanted_of, with_replicas
from penstock.scaling.actuators.ray_config import ServeConfig
from penstock.scaling.replica import Standing
from penstock.scaling.size import Size

ASK_SECONDS = 10.0
"""For a whole answer, however slowly it comes."""
MOST_BYTES = 8 * 1024 * 1024
MOST_ERROR_BYTES = 2000
PATH = "/api/serve/applications/"


class ServeApp:
    """An Actuator. No redirect is followed: the token is shown to nobody else."""

    def __init__(self, config: ServeConfig, price: float = 0.0) -> None:
        self._config = config
        self._price = price
        self._origin: Origin | None = None

    async def current(self) -> Standing:
        """As Serve tells it."""
        deployment = deployment_of(await self._told(), self._config.application, self._config.deployment)
        return Standing(wanted_of(deployment), replicas_of(deployment), self._price)

    async def want(self, count: int, victims: Sequence[str] = ()) -> None:
        """Send Serve what it told, with another number."""
        whole = with_replicas(await self._told(), self._config.application, self._config.deployment, count)
        await self._ask("PUT", json.dumps(whole).encode())

    async def drain(self, name: str, *, drained: bool) -> None:
        """Serve chooses, and drains by itself (graceful_shutdown_wait_loop_s)."""

    async def resize(self, size: Size, *, dry_run: bool = False) -> Size:
        """Serve would replace them all at once."""
        raise ActuatorError(
            f'deployment "{self._config.deployment}": how large its replicas are is said by its own config'
            " (ray_actor_options)"
        )

    async def _told(self) -> dict[str, Any]:
        try:
            told = json.loads(await self._ask("GET"))
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise ActuatorError(f"{self._where} answered something that is no JSON object")
        return told

    @property
    def _where(self) -> str:
        return f"Ray's dashboard at {self._config.url}"

    async def _ask(self, method: str, body: bytes = b"") -> bytes:
        origin = self._origin = self._origin or self._open()
        parts = urlsplit(self._config.url)
        fields = f"authorization: Bearer {self._config.token}\r\n" if self._config.token else ""
        if body:
            fields += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        head = (
            f"{method} {parts.path.rstrip('/')}{PATH} HTTP/1.1\r\nhost: {parts.netloc}\r\n"
            f"accept: application/json\r\naccept-encoding: identity\r\n{fields}\r\n"
        )
        try:
            async with asyncio.timeout(ASK_SECONDS):
                patience = Patience(ASK_SECONDS, ASK_SECONDS, ASK_SECONDS)
                response = await origin.request(head.encode("latin-1"), body, patience)
                answer = await collect(response, MOST_BYTES)
        except TimeoutError:
            raise ActuatorError(f"{self._where} did not answer within {ASK_SECONDS:g} s") from None
        except OverflowError:
            raise ActuatorError(f"{self._where} answered with more than {MOST_BYTES} bytes") from None
        except (OSError, ValueError, Fail) as error:
            raise ActuatorError(f"{self._where} cannot be asked: {error}") from None
        if response.status >= 300:
            said = " ".join(answer[:MOST_ERROR_BYTES].decode(errors="replace").split())[-300:]
            raise ActuatorError(f"{self._where} answered {method} with {response.status}: {_line(said)}")
        return answer

    def _open(self) -> Origin:
        parts = urlsplit(self._config.url)
        tls = client_context(None) if parts.scheme == "https" else None
        reach = Reach(parts.hostname or "", parts.port or (443 if tls else 80), tls, max_connections=2)
        wheel = Wheel(1.0, time.monotonic())  # never turned: ASK_SECONDS bounds all of it
        return Origin("ray", reach, wheel=wheel, names=Names(time.monotonic), now=time.monotonic)

    async def aclose(self) -> None:
        """What runs there stays."""
        if self._origin is not None:
            self._origin.close()

    def __repr__(self) -> str:
        return f"<ServeApp {self._config.application}/{self._config.deployment} at {self._config.url}>"


def _line(text: str) -> str:
    """It goes to a terminal and to a log."""
    return "".join(one if one.isprintable() else " " for one in text)
