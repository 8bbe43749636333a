import asyncio
import gc
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from penstock.assemble_engines import OwnEngines
from penstock.core.tasks import Crew
from penstock.net.server import bind
from penstock.process.children import WorkerProcess
from penstock.process.link import LinkError
from penstock.process.spec import Source
from penstock.process.team import Team
from tests.support.gateway import OPEN_ECHO
from tests.support.load import chat
from tests.support.sockets import raw


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).resolve().parents[2]
    monkeypatch.setenv("PYTHONPATH", str(root / "src"))


class Bench:
    """A WorkerProcess on a port of its own."""

    def __init__(self, tmp_path: Path, text: str = OPEN_ECHO) -> None:
        self.path = tmp_path / "c.yaml"
        self.path.write_text(text)
        source = Source(str(self.path))
        self.team = Team(source, source.read())
        self.crew = Crew("test")
        self.served = asyncio.Event()
        self.running: asyncio.Task[int] | None = None
        self.listener = bind("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]
        self.process = WorkerProcess(1, self.listener, self.team, self.crew, OwnEngines(self.crew), self.served)

    async def start(self) -> "asyncio.Task[int]":
        self.running = asyncio.ensure_future(self.process.run())
        await asyncio.wait_for(self.served.wait(), 20)
        return self.running

    async def aclose(self) -> None:
        self.process.kill()
        if self.running is not None:
            await self.running
        await self.crew.aclose()
        self.listener.close()


def test_one_life(tmp_path: Path) -> None:
    async def main() -> None:
        bench = Bench(tmp_path)
        with pytest.raises(LinkError, match="has not been started"):
            await bench.process.ask("dump")
        running = await bench.start()
        assert bench.team.members == {1: bench.process}
        assert (await raw(bench.port, chat("echo"))).startswith(b"HTTP/1.1 200")
        assert (await bench.process.ask("dump"))["process"]["pid"] == bench.process.pid
        assert os.getsid(bench.process.pid) == bench.process.pid  # the terminal's Ctrl-C does not reach it
        # Only its own socket and link are open to it, not ours.
        sockets = [one for one in psutil.Process(bench.process.pid).net_connections("inet") if one.status == "LISTEN"]
        assert [one.laddr.port for one in sockets] == [bench.port]
        bench.process.signal(signal.SIGTERM)  # not its business
        assert "penstock_workers 1" in await bench.team.metrics()
        bench.process.kill()
        assert await asyncio.wait_for(running, 5) == -signal.SIGKILL
        assert bench.team.members == {}
        with pytest.raises(LinkError):
            await bench.process.ask("dump")
        bench.process.signal(signal.SIGTERM)  # nobody is there to hear it, and nobody else hears it
        await bench.aclose()

    asyncio.run(main())


def test_a_config_taken_over_while_it_started_reaches_it(tmp_path: Path) -> None:
    async def main() -> None:
        bench = Bench(tmp_path)
        tell = bench.process._tell_spec

        async def tell_and_reload(value: Any) -> Any:
            told = await tell(value)
            bench.path.write_text(OPEN_ECHO.replace("models: {echo", "models: {parrot"))
            assert (await bench.team.reload())["ok"]
            return told

        bench.process._tell_spec = tell_and_reload  # type: ignore[method-assign]
        await bench.start()
        assert (await raw(bench.port, chat("parrot"))).startswith(b"HTTP/1.1 200")
        assert (await raw(bench.port, chat("echo"))).startswith(b"HTTP/1.1 404")
        await bench.aclose()

    asyncio.run(main())


def test_it_tells_of_the_engines_seats(tmp_path: Path) -> None:
    async def main() -> None:
        bench = Bench(tmp_path)
        answers = bench.process._answers()
        assert set(answers) >= {"spec", "ready", "seats", "metrics", "status", "calls", "reload"}
        assert await answers["seats"]("nobody's") == {"seats": [], "trouble": ""}
        await bench.aclose()

    asyncio.run(main())


def test_one_that_cannot_be_started_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        bench = Bench(tmp_path)
        monkeypatch.setattr("penstock.process.children.sys.executable", str(tmp_path / "no-python"))
        gc.collect()  # what earlier tests left is let go before, not meanwhile
        before = psutil.Process().num_fds()
        with pytest.raises(FileNotFoundError):
            await bench.process.run()
        assert psutil.Process().num_fds() <= before
        await bench.aclose()

    asyncio.run(main())
