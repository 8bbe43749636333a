"""Questions to AWS: boto3, which blocks, in a thread, and never longer than a limit.

Enters: a service, an operation and its parameters by boto3's names. Leaves: its answer. May fail: ActuatorError, which
says what was asked, what AWS said and, where it can be known, what to do. Credentials are found as boto3 finds them.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from penstock.scaling.actuators.actuator import ActuatorError

TRIES = 2
SPARE_SECONDS = 5.0
"""Beyond what its tries may take: a thread cannot be ended, only left alone."""
ADVICE = {
    "AccessDenied": "the role that the gateway runs as needs this permission",
    "AccessDeniedException": "the role that the gateway runs as needs this permission",
    "UnauthorizedOperation": "the role that the gateway runs as needs this permission",
    "ExpiredToken": "the credentials are too old",
    "ExpiredTokenException": "the credentials are too old",
}


class Asking(Protocol):
    """What the actuators need of AWS."""

    async def __call__(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]: ...


class Aws:
    """An Asking. ``timeout``: seconds for one answer."""

    def __init__(self, region: str | None, timeout: float) -> None:
        self._region = region
        self._timeout = timeout
        self._session: Any = None
        self._clients: dict[str, Any] = {}

    async def __call__(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Ask. Raises ActuatorError."""
        try:
            async with asyncio.timeout(TRIES * self._timeout + SPARE_SECONDS):
                return await asyncio.to_thread(self._ask, service, operation, parameters)
        except TimeoutError:
            raise ActuatorError(f"aws {service} {operation}: no answer in time") from None

    def _ask(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._client(service), operation)(**parameters)
        except ClientError as error:
            told = error.response.get("Error", {})
            code = str(told.get("Code", ""))
            advice = f"; {ADVICE[code]}" if code in ADVICE else ""
            raise ActuatorError(f"aws {service} {operation}: {code}: {told.get('Message', '')}{advice}") from None
        except BotoCoreError as error:
            raise ActuatorError(f"aws {service} {operation}: {error}") from None
        return answer

    def _client(self, service: str) -> Any:
        """One a service. Only one thread at a time asks: an actuator's questions follow one another."""
        if service not in self._clients:
            import boto3
            from botocore.config import Config

            self._session = self._session or boto3.Session(region_name=self._region)
            limits = Config(
                connect_timeout=self._timeout, read_timeout=self._timeout,
                retries={"mode": "standard", "total_max_attempts": TRIES},
            )  # fmt: skip
            self._clients[service] = self._session.client(service, config=limits)
        return self._clients[service]

    def __repr__(self) -> str:
        return f"<Aws {self._region or 'anywhere'}: {', '.join(self._clients) or 'nothing asked'}>"
