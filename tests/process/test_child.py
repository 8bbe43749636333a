import asyncio
import gc
import logging
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from penstock.core.tasks import Crew
from penstock.net.server import bind
from penstock.observe.log_stream import LogStream
from penstock.process import child as module
from penstock.process.child import FarFleet, serve
from penstock.process.link import Link, LinkError, link_over
from penstock.process.spec import Spec
from tests.support.gateway import OPEN_ECHO
from tests.support.load import chat
from tests.support.sockets import parse_answers, raw


@pytest.fixture(autouse=True)
def _process() -> Iterator[None]:
    """What a worker does to its process is undone: its log, its collector, its signals."""
    logger, thresholds = logging.getLogger("penstock"), gc.get_threshold()
    before = logger.propagate, logger.level, signal.getsignal(signal.SIGTERM)
    yield
    logger.propagate, logger.level = before[:2]
    for handler in [one for one in logger.handlers if isinstance(one, LogStream)]:
        logger.removeHandler(handler)
    signal.signal(signal.SIGTERM, before[2])
    gc.unfreeze()
    gc.set_threshold(*thresholds)


class Supervisor:
    """The other end of the link."""

    def __init__(self, text: str) -> None:
        self.spec = Spec("c.yaml", text)
        self.ready = asyncio.Event()
        self.port = 0
        self.link: Link

    async def tell_spec(self, _: Any) -> Any:
        return msgspec.to_builtins(self.spec)

    async def note_ready(self, _: Any) -> None:
        self.ready.set()

    async def status(self, _: Any) -> Any:
        return {"workers": ["of all"]}

    async def calls(self, value: Any) -> Any:
        return [value]


@asynccontextmanager
async def worker(text: str = OPEN_ECHO) -> AsyncIterator[tuple[Supervisor, asyncio.Task[int]]]:
    there = Supervisor(text)
    crew = Crew("test")
    ours, theirs = socket.socketpair()
    listener = bind("127.0.0.1", 0)
    there.port = listener.getsockname()[1]
    answers = {
        "spec": there.tell_spec, "ready": there.note_ready, "status": there.status, "calls": there.calls,
    }  # fmt: skip
    there.link, _ = await link_over(ours, answers, crew)
    serving = asyncio.ensure_future(serve(3, listener, theirs))
    try:
        yield there, serving
    finally:
        await asyncio.wait({serving}, timeout=5)
        await crew.aclose()
        listener.close()
        assert serving.done()


def test_it_serves_answers_and_drains_when_told() -> None:
    async def main() -> None:
        async with worker() as (there, serving):
            await asyncio.wait_for(there.ready.wait(), 5)
            (answer,) = parse_answers(await raw(there.port, chat("echo")))
            assert (answer.status, answer.headers["x-request-id"][:6]) == (200, "req_3x")
            assert (await there.link.ask("dump"))["observed"]["tallies"][0][1][0] == 1
            # What concerns all workers it asks of the supervisor.
            (status,) = parse_answers(
                await raw(there.port, b"GET /admin/v1/status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            )
            assert status.json() == {"workers": ["of all"]}
            await there.link.ask("drain", 0.0)
            assert await asyncio.wait_for(serving, 5) == 0

    asyncio.run(main())


def test_it_drains_when_the_supervisor_is_gone() -> None:
    async def main() -> None:
        async with worker(OPEN_ECHO.replace("{kind: echo}", "{kind: echo, tokens_per_second: 50}")) as (there, serving):
            await asyncio.wait_for(there.ready.wait(), 5)
            call = asyncio.ensure_future(raw(there.port, chat("echo", words=20, stream=True)))
            while (await there.link.ask("dump"))["observed"]["in_flight"] == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            there.link.close()
            assert (await call).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
            assert await asyncio.wait_for(serving, 5) == 0

    asyncio.run(main())


def test_a_config_that_it_cannot_serve_ends_it_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        text = "listen: {tls: {cert: /etc/hostname, key: /etc/hostname}}\n" + OPEN_ECHO
        async with worker(text) as (there, serving):
            assert await asyncio.wait_for(serving, 5) == 1
            assert not there.ready.is_set()

    asyncio.run(main())
    (line,) = capsys.readouterr().err.splitlines()
    assert msgspec.json.decode(line)["message"].startswith("worker 3 cannot serve: c.yaml: listen.tls: ")


def test_a_supervisor_that_goes_before_it_serves_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("penstock").propagate = True

    async def main() -> None:
        async with worker() as (there, serving):
            there.link.close()
            assert await asyncio.wait_for(serving, 5) == 1

    asyncio.run(main())
    assert "worker 3 cannot serve: " in caplog.text


def test_what_it_asks_of_all() -> None:
    async def main() -> None:
        fleet = FarFleet()
        with pytest.raises(LinkError, match="no link yet"):
            await fleet.status()
        asked: list[Any] = []

        class FakeLink:
            async def ask(self, name: str, value: Any = None, *, within: float) -> Any:
                asked.append((name, value, within > 60))
                return {"metrics": "text", "status": {}, "calls": [{}], "reload": {"ok": True}}[name]

        fleet.link = FakeLink()  # type: ignore[assignment]
        assert await fleet.metrics() == "text"
        assert await fleet.calls(5, "req_1") == [{}]
        assert await fleet.reload() == {"ok": True}
        assert asked == [
            ("metrics", None, False), ("calls", {"count": 5, "id": "req_1"}, False), ("reload", None, True),
        ]  # fmt: skip

    asyncio.run(main())


def test_an_orphan_does_not_start() -> None:
    folder = module.__file__.rpartition("/penstock/")[0]
    done = subprocess.run(
        [sys.executable, "-m", "penstock.process.child", "0", "0", "0", "999999999"],
        env={"PYTHONPATH": folder}, capture_output=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, b"")
