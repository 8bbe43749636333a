"""A whole worker in this process, on a free port of 127.0.0.1, for tests that speak to it over a socket.

async with running_gateway("models: {echo: {upstreams: [echo]}}\\nupstreams: {echo: {kind: echo}}") as gateway:
    answer = await ask(gateway.port, "GET", "/health")
"""

import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from penstock.assemble import Gateway
from penstock.assemble_keys import key_store
from penstock.auth.config import AuthConfig
from penstock.edge.config import ListenConfig
from penstock.net.server import bind
from penstock.process.asked import Near
from penstock.process.spec import Source
from penstock.process.team import Team
from penstock.process.worker import Worker
from tests.support.sockets import Answer, ask, parse_answers, raw, request

__all__ = ["ECHO", "OPEN_ECHO", "Answer", "Running", "ask", "parse_answers", "raw", "request", "running_gateway"]

ECHO = "upstreams: {echo: {kind: echo}}\nmodels: {echo: {upstreams: [echo]}}\n"
OPEN_ECHO = ECHO + "auth: {mode: open}\n"


@dataclass
class Running:
    """``key`` may do everything; it is empty while auth is open. ``path`` is the config file: write it, then ask
    ``team.reload()``."""

    port: int
    key: str
    path: Path
    worker: Worker
    team: Team

    @property
    def gateway(self) -> Gateway:
        return self.worker.gateway

    @property
    def bearer(self) -> tuple[str, str]:
        """The header field that shows the key."""
        return ("Authorization", f"Bearer {self.key}")


@contextlib.contextmanager
def _home(folder: str) -> Iterator[None]:
    """What is kept goes to ``folder``, not to the home of whoever runs the tests."""
    kept = os.environ.get("XDG_CONFIG_HOME")
    os.environ["XDG_CONFIG_HOME"] = folder
    try:
        yield
    finally:
        if kept is None:
            del os.environ["XDG_CONFIG_HOME"]
        else:
            os.environ["XDG_CONFIG_HOME"] = kept


@contextlib.asynccontextmanager
async def running_gateway(yaml_text: str = ECHO) -> AsyncIterator[Running]:
    """A worker that serves ``yaml_text``. Without an ``auth`` section in it, a key file of its own is made."""
    with tempfile.TemporaryDirectory(prefix="penstock-test-") as folder, _home(folder):
        if "auth:" not in yaml_text:
            yaml_text += f"\nauth: {{key_file: {folder}/keys.json}}\n"
        path = Path(folder, "penstock.yaml")
        path.write_text(yaml_text)  # noqa: ASYNC240 - small, and nothing else runs yet
        source = Source(str(path))
        spec = source.read()
        config = spec.parse(os.environ)
        key = ""
        if config.of(AuthConfig).mode == "keys":
            store = key_store(config, os.environ)
            store.open()
            key = store.created_now or ""
        team = Team(source, spec)
        worker = Worker(0, team)
        listener = bind(config.of(ListenConfig).host, 0)
        try:
            await worker.open(spec, listener)
            team.members[0] = Near(0, worker.answers)
            try:
                yield Running(listener.getsockname()[1], key, path, worker, team)
            finally:  # also when the test fails: the loop would else wait for the open listener for ever
                worker.gateway.server.stop_accepting()
                worker.gateway.server.abort_all()
                await worker.aclose()
        finally:
            listener.close()
