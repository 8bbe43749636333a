"""What the scenes are played with: three small model servers, a gateway before them, nginx before that if it is here.

All are child processes in a folder of their own, on free ports of 127.0.0.1, and end with the tour, however that ends.
Fails with TheatreError when one does not come up.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import penstock.demo.server.service as server
from penstock.demo.asking import Answer, ask
from penstock.demo.server.service import Costs
from penstock.deploy.nginx import Terms, nginx
from penstock.deploy.pool import pool
from penstock.net.children import Child, spawn

NAMES = ("one", "two", "three")
START_SECONDS = 30.0
SOURCE = Path(__file__).resolve().parents[2]


class TheatreError(Exception):
    """Something that the tour needs did not start. The message says what, and its last words."""


class ModelServer:
    """One small model server, which may be killed and started again on its port."""

    def __init__(self, name: str, costs: Costs) -> None:
        self.name = name
        self.port = free_port()
        self.costs = costs
        self.child: Child | None = None

    async def start(self, cold: float = 0.0) -> None:
        """Start it; it listens after ``cold`` seconds in which a real one would load its model."""
        costs = [word for key, value in vars(self.costs).items() for word in (f"--{key}", str(value))]
        argv = [sys.executable, "-S", str(server.__file__), "--port", str(self.port), "--cold", str(cold), *costs]
        self.child = await spawn(argv, name=self.name)

    async def until_it_answers(self) -> None:
        """Wait for it."""
        limit = time.monotonic() + START_SECONDS
        while (await ask(self.port, "GET", "/health")).status != 200:
            if self.child is None or not self.child.running or time.monotonic() > limit:
                said = " ".join(self.child.last_lines()[-3:]) if self.child else ""
                raise TheatreError(f"the model server {self.name} did not start on port {self.port}: {said}")
            await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """SIGKILL: it says nothing more."""
        if self.child is not None:
            self.child.signal(signal.SIGKILL)
            await self.child.wait()

    async def asked(self) -> int:
        """How many calls it has had."""
        answer = await ask(self.port, "GET", "/asked")
        return int(answer.value()["asked"]) if answer.well else 0

    def __repr__(self) -> str:
        return f"<ModelServer {self.name} {self.port}>"


class Theatre:
    """See the module. ``fast``: shorter scenes, for machines that only want to know whether all works."""

    def __init__(self, fast: bool = False, port: int = 0) -> None:
        self.fast = fast
        self.port = port or free_port()
        self.door = self.port
        """Where callers knock: nginx, if it is here."""
        self.servers = [ModelServer(name, Costs()) for name in NAMES]
        self.gateway: Child | None = None
        self._nginx: Child | None = None
        self.home = Path()
        self.config: dict[str, Any] = {}

    def _config(self) -> dict[str, Any]:
        upstreams = {
            one.name: {"kind": "vllm", "base_url": f"http://127.0.0.1:{one.port}/v1"} for one in self.servers
        }  # fmt: skip
        return {
            "listen": {"port": self.port, "trusted_proxies": ["127.0.0.1"]},
            "auth": {"mode": "open"},
            "store": f"sqlite:{self.home}/store.db",
            "scrape": {"enabled": False},
            "timeouts": {"connect": "1s"},
            "upstreams": upstreams,
            "models": {
                "demo": {"upstreams": list(NAMES)},
                "embed": {"upstreams": [NAMES[0]], "upstream_model": "demo"},
                "embed-alone": {"upstreams": [NAMES[0]], "upstream_model": "demo"},
            },
            "batching": {
                "enabled": True, "scope": "all", "max_items": 64, "models": {"embed-alone": {"enabled": False}},
            },
        }  # fmt: skip

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Start the servers, then nginx. The gateway is started by the first scene that wants it."""
        if not _is_free(self.port):
            raise TheatreError(f"port {self.port} is taken: end what listens there, or leave --port out")
        self.home = Path(tempfile.mkdtemp(prefix="penstock-demo-"))
        self.config = self._config()
        await asyncio.gather(*(one.start() for one in self.servers))
        await asyncio.gather(*(one.until_it_answers() for one in self.servers))
        await self._open_nginx()

    async def start_gateway(self) -> float:
        """Start it, if it is not there; the seconds from exec until it is ready."""
        if self.gateway is not None and self.gateway.running:
            return 0.0
        path = self.home / "penstock.yaml"
        path.write_text(json.dumps(self.config, indent=1))
        folders = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")
        found = os.environ.get("PYTHONPATH")
        env = {
            **os.environ, **dict.fromkeys(folders, str(self.home)),
            "PYTHONPATH": str(SOURCE) if not found else f"{SOURCE}{os.pathsep}{found}",
        }  # fmt: skip
        began = time.monotonic()
        argv = [sys.executable, "-m", "penstock", "serve", "--config", str(path)]
        self.gateway = await spawn(argv, name="gateway", env=env)
        while (await ask(self.port, "GET", "/health/ready")).status != 200:
            if not self.gateway.running or time.monotonic() - began > START_SECONDS:
                raise TheatreError(f"the gateway did not start: {' '.join(self.gateway.last_lines()[-5:])}")
            await asyncio.sleep(0.005)
        return time.monotonic() - began

    async def stop_gateway(self) -> None:
        """End it as an operator would."""
        if self.gateway is not None:
            await self.gateway.stop(10.0)

    async def admin(self, path: str, method: str = "GET", value: Any = None) -> Answer:
        """Ask the gateway itself."""
        return await ask(self.port, method, path, value)

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        page = (await self.admin("/metrics")).body.decode()
        rows = [line.rpartition(" ") for line in page.splitlines() if line.startswith((name + "{", name + " "))]
        return sum(float(value) for _, _, value in rows)

    async def until(self, metric: str, least: float = 1.0) -> None:
        """Wait until a metric has come so far. Raises TimeoutError."""
        async with asyncio.timeout(START_SECONDS):
            while await self.metric(metric) < least:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)

    async def _open_nginx(self) -> None:
        binary = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if binary is None:
            return
        door = free_port()
        site = nginx(pool([f"127.0.0.1:{self.port}"]), Terms(method="least_conn", listen=f"127.0.0.1:{door}"))
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = " ".join(f"{kind}_temp_path {self.home};" for kind in kinds)
        text = (
            f"daemon off; error_log stderr warn; pid {self.home}/nginx.pid; worker_processes 1;\n"
            f"events {{}}\nhttp {{ access_log off; {paths}\n{site}}}\n"
        )
        path = self.home / "nginx.conf"
        path.write_text(text)
        self._nginx = await spawn([binary, "-p", str(self.home), "-e", "stderr", "-c", str(path)], name="nginx")
        limit = time.monotonic() + 5.0
        while self._nginx.running and time.monotonic() < limit:
            if (await ask(door, "GET", "/health")).status:  # 502 while the gateway is not there yet
                self.door = door
                return
            await asyncio.sleep(0.02)

    @property
    def has_nginx(self) -> bool:
        return self.door != self.port

    async def close(self) -> None:
        """End all of it."""
        children = [one.child for one in self.servers] + [self.gateway, self._nginx]
        await asyncio.gather(*(one.stop(3.0) for one in children if one is not None))
        if self.config:
            shutil.rmtree(self.home, ignore_errors=True)

    def __repr__(self) -> str:
        return f"<Theatre at {self.url}, door {self.door}>"


def _is_free(port: int) -> bool:
    """Whether a gateway could listen there; otherwise another one would play its part."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """One that nobody holds now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
