"""Asks a Kubernetes API server, with the account of the pod that this process runs in.

Enters: the folder of a service account. Leaves: answers, whole and bounded. May fail: ValueError or OSError in words,
Fail of the client. The token is read anew for each question: kubelets renew it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from typing import NamedTuple

from penstock.core.deadlines import Wheel
from penstock.core.kubernetes import SERVICE_ACCOUNT
from penstock.core.reply import collect
from penstock.net.client import Origin
from penstock.net.names import Names
from penstock.net.reach import Patience, Reach
from penstock.net.tls import client_context

ASK_SECONDS = 15.0
MOST_BYTES = 8 * 1024 * 1024
_LARGEST_FILE = 64 * 1024


class Told(NamedTuple):
    """What the server said. ``what``: method and path, for messages."""

    what: str
    status: int
    body: bytes


class ApiServer:
    """The server of this cluster; usable within one event loop. Connections are kept until ``close``."""

    def __init__(
        self, account: str = SERVICE_ACCOUNT, environ: Mapping[str, str] = os.environ, *, most: int = MOST_BYTES
    ) -> None:
        self._account = account
        self._environ = environ
        self._most = most
        self._origin: Origin | None = None

    def namespace(self) -> str:
        """That of this pod."""
        return self._file("namespace")

    async def ask(self, method: str, target: str, body: bytes = b"", kind: str = "application/json") -> Told:
        """One question, whatever the status of its answer. ``kind`` is what the body is. Raises TimeoutError, too."""
        token = self._file("token")
        origin = self._origin = self._origin or self._open()
        host, port = origin.reach.host, origin.reach.port
        fields = f"content-type: {kind}\r\ncontent-length: {len(body)}\r\n" if body else ""
        head = (
            f"{method} {target} HTTP/1.1\r\nhost: {f'[{host}]' if ':' in host else host}:{port}\r\n"
            f"authorization: Bearer {token}\r\naccept: application/json\r\naccept-encoding: identity\r\n{fields}\r\n"
        )
        patience = Patience(ASK_SECONDS, ASK_SECONDS, ASK_SECONDS)
        async with asyncio.timeout(ASK_SECONDS):
            response = await origin.request(head.encode("ascii"), body, patience)
            try:
                answer = await collect(response, self._most)
            except OverflowError:
                raise ValueError(f"the API server's answer is larger than {self._most} bytes") from None
        return Told(f"{method} {target.partition('?')[0]}", response.status, answer)

    def close(self) -> None:
        """Let go of the connections."""
        if self._origin is not None:
            self._origin.close()
            self._origin = None

    def _open(self) -> Origin:
        host = self._environ.get("KUBERNETES_SERVICE_HOST")
        port = self._environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not host or not port.isdigit():
            raise ValueError("this is no pod: KUBERNETES_SERVICE_HOST is not set")
        tls = client_context(os.path.join(self._account, "ca.crt"))
        wheel = Wheel(1.0, time.monotonic())  # never turned: ASK_SECONDS bounds all of it
        reach = Reach(host, int(port), tls, max_connections=2)
        return Origin("kubernetes", reach, wheel=wheel, names=Names(time.monotonic), now=time.monotonic)

    def _file(self, name: str) -> str:
        if not self._environ.get("KUBERNETES_SERVICE_HOST"):
            raise ValueError("this is no pod: KUBERNETES_SERVICE_HOST is not set")
        path = os.path.join(self._account, name)
        with open(path, encoding="utf-8") as file:
            text = file.read(_LARGEST_FILE + 1).strip()
        if len(text) > _LARGEST_FILE or not text.isascii() or not text.isprintable() or not text or " " in text:
            raise ValueError(f"the file {name} of the service account holds nothing that can be used")
        return text

    def __repr__(self) -> str:
        return f"<ApiServer {'asked' if self._origin else 'not asked yet'}>"
