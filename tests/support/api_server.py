"""A Kubernetes API server as far as discovery asks one: on 127.0.0.1, over TLS, with a service account for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import trustme

from penstock.net.tls import server_context

TOKEN = "token-of-the-pod"


class ApiServer:
    """``pages`` are the lists of addresses that it tells, a page each; ``status`` and ``body`` can stand instead."""

    def __init__(self) -> None:
        self.pages: list[list[str]] = []
        self.status = 200
        self.body: bytes | None = None
        self.port = 0
        self.asked: list[str] = []
        self.tokens: set[str] = set()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                target = head.split()[1]
                self.asked.append(target)
                fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
                self.tokens.add(fields.get("authorization", ""))
                body = self._page(target) if self.body is None else self.body
                lines = (
                    f"HTTP/1.1 {self.status} x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
                )
                writer.write(lines.encode() + body)
        writer.close()

    def _page(self, target: str) -> bytes:
        number = int(parse_qs(urlsplit(target).query).get("continue", ["0"])[0])
        more = str(number + 1) if number + 1 < len(self.pages) else ""
        endpoints = [{"addresses": [address], "conditions": {"ready": True}} for address in self.pages[number]]
        slices = [{"addressType": "IPv4", "endpoints": endpoints, "ports": [{"name": "http", "port": 8000}]}]
        return json.dumps({"kind": "EndpointSliceList", "metadata": {"continue": more}, "items": slices}).encode()

    def environ(self) -> dict[str, str]:
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.port)}


@contextlib.asynccontextmanager
async def api_server(account: Path) -> AsyncIterator[ApiServer]:
    """One that runs; ``account`` becomes the folder of a service account in the namespace ``llm``."""
    authority = trustme.CA()
    cert = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(account / "ca.crt"))
    cert.private_key_pem.write_to_path(str(account / "server.key"))
    cert.cert_chain_pems[0].write_to_path(str(account / "server.crt"))
    (account / "token").write_text(TOKEN + "\n")
    (account / "namespace").write_text("llm")
    server = ApiServer()
    tls = server_context(str(account / "server.crt"), str(account / "server.key"))
    listening = await asyncio.start_server(server.meet, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
