"""Gateways in processes of their own, their signals and ends; and workers that are played."""

import asyncio
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from penstock.net.children import Backoff
from penstock.process import place as place_module
from penstock.process import supervisor as supervisor_module
from penstock.process.spec import Source
from penstock.process.supervisor import CannotServe, Supervisor
from tests.support.load import chat
from tests.support.running_gateway import RunningGateway, running_gateway
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.sockets import parse_answers, raw
from tests.support.whole import admin, config, exited, refuses, until


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGTERM, "1"), (signal.SIGINT, "1"), (signal.SIGTERM, "2")])
def test_told_to_stop_it_finishes_what_it_can_and_ends_the_rest_in_words(
    tmp_path: Path, number: signal.Signals, workers: str
) -> None:
    async def main(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
        def call(model: str, **more: Any) -> asyncio.Task[bytes]:
            return asyncio.ensure_future(raw(gateway.port, chat(model, gateway.key, **more), within=20))

        short, long, hung = call("slow", words=25, stream=True), call("slow", words=500, stream=True), call("hung")
        idle = await asyncio.open_connection("127.0.0.1", gateway.port)
        await asyncio.to_thread(until, lambda: upstream.requests)
        await asyncio.to_thread(until, lambda: admin(gateway, "/metrics").find("penstock_in_flight 3") >= 0)
        gateway.process.send_signal(number)
        await asyncio.to_thread(until, lambda: refuses(gateway.port))
        assert await idle[0].read() == b""
        idle[1].close()
        (finished,) = parse_answers(await short)
        assert finished.whole
        assert finished.body.endswith(b"data: [DONE]\n\n")
        (cut,) = parse_answers(await long)
        assert cut.whole  # the chunks end in order: it is the events that tell of the cut
        assert b"[DONE]" not in cut.body
        last = json.loads(cut.body.rstrip().rpartition(b"data: ")[2])
        assert last["error"]["code"] == "gateway_stopping"
        (refused,) = parse_answers(await hung)
        assert (refused.status, refused.json()["error"]["code"]) == (503, "gateway_stopping")
        assert refused.headers["connection"] == "close"

    with ScriptedUpstream() as upstream:
        over = threading.Event()
        upstream.answers["/v1/chat/completions"] = lambda connection, request: over.wait(20) and None
        with running_gateway(tmp_path, config("1200ms", upstream.url), None, "--workers", workers) as gateway:
            asyncio.run(main(gateway, upstream))
            assert exited(gateway) == 0
            assert not (tmp_path / f"penstock-{os.getuid()}" / f"{gateway.port}.sock").exists()
        over.set()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_told_twice_it_ends_at_once(tmp_path: Path, workers: str) -> None:
    async def main(gateway: RunningGateway) -> None:
        call = asyncio.ensure_future(raw(gateway.port, chat("slow", gateway.key, words=2000, stream=True), within=20))
        await asyncio.to_thread(until, lambda: admin(gateway, "/metrics").find("penstock_in_flight 1") >= 0)
        gateway.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(until, lambda: refuses(gateway.port))
        told = time.monotonic()
        gateway.process.send_signal(signal.SIGINT)
        (cut,) = parse_answers(await call)
        assert b"gateway_stopping" in cut.body
        assert exited(gateway) == 0
        assert time.monotonic() - told < 5

    with running_gateway(tmp_path, config("60s"), None, "--workers", workers) as gateway:
        asyncio.run(main(gateway))


class FakeProcess:
    """Stands in for WorkerProcess: serves, or not, and ends at once, or not."""

    serves = True
    ends = True
    started = 0

    def __init__(self, *given: Any) -> None:
        self.pid = 1
        self._served: asyncio.Event = given[-1]
        self._end = asyncio.Event()

    async def run(self) -> int:
        FakeProcess.started += 1
        if self.serves:
            self._served.set()
        if not self.ends:
            await self._end.wait()
        return -signal.SIGKILL

    def signal(self, number: int) -> None:
        pass

    def kill(self) -> None:
        self._end.set()


def played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, serves: bool, ends: bool
) -> tuple[Supervisor, list[int]]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(supervisor_module, "WorkerProcess", FakeProcess)
    monkeypatch.setattr(FakeProcess, "serves", serves)
    monkeypatch.setattr(FakeProcess, "ends", ends)
    monkeypatch.setattr(FakeProcess, "started", 0)
    source = Source(None, port=0, workers=2)
    spec = source.read()
    announced: list[int] = []
    supervisor = Supervisor(source, spec, spec.parse({}), lambda: announced.append(1))
    supervisor.bind()
    return supervisor, announced


def test_workers_that_keep_dying_come_back_after_growing_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    class Noted(Backoff):
        def failed(self) -> float:
            pauses.append(super().failed())
            return pauses[-1]

    monkeypatch.setattr(place_module, "Backoff", lambda *_: Noted(0.01, 0.08, lambda: 0.5))

    async def main() -> None:
        supervisor, announced = played(tmp_path, monkeypatch, serves=True, ends=True)
        running = asyncio.ensure_future(supervisor.run())
        while len(pauses) < 12:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        supervisor._told_to_stop()
        assert await asyncio.wait_for(running, 5) == 0
        assert announced == [1]

    asyncio.run(main())
    assert sorted(pauses)[:8] == pytest.approx([0.01, 0.01, 0.02, 0.02, 0.04, 0.04, 0.08, 0.08])
    assert FakeProcess.started <= len(pauses) + 2


def test_workers_that_never_come_to_serve_are_not_waited_for_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "START_SECONDS", 0.05)

    async def main() -> None:
        supervisor, announced = played(tmp_path, monkeypatch, serves=False, ends=False)
        with pytest.raises(CannotServe, match=r"did not come to serve within 0\.05 s"):
            await asyncio.wait_for(supervisor.run(), 5)
        assert announced == []

    asyncio.run(main())


def test_told_to_stop_while_it_starts_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        supervisor, announced = played(tmp_path, monkeypatch, serves=False, ends=False)
        running = asyncio.ensure_future(supervisor.run())
        while FakeProcess.started < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        supervisor._told_to_stop()
        assert await asyncio.wait_for(running, 5) == 0
        assert announced == []

    asyncio.run(main())


def test_two_gateways_never_share_a_port(tmp_path: Path) -> None:
    for first, second in ((1, 2), (2, 1), (2, 2)):
        source = Source(None, port=0, workers=first)
        one = Supervisor(source, source.read(), source.read().parse({}), lambda: None)
        port = one.bind()
        source = Source(None, port=port, workers=second)
        two = Supervisor(source, source.read(), source.read().parse({}), lambda: None)
        with pytest.raises(OSError, match="in use"):
            two.bind()
        one._close_sockets()
        assert two.bind() == port
        two._close_sockets()
