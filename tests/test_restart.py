"""Workers renewed one by one under load: no call fails, no stream is cut."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.load import Kept, chat, load
from tests.support.running_gateway import RunningGateway, environment, running_gateway
from tests.support.sockets import parse_answers, raw
from tests.support.whole import admin, config, exited, penstock, until


def pids(gateway: RunningGateway) -> dict[int, int]:
    """By the worker's number."""
    return {worker["worker"]: worker["process"]["pid"] for worker in admin(gateway, "/admin/v1/status")["workers"]}


def restarted(gateway: RunningGateway) -> subprocess.CompletedProcess[str]:
    """Four processes are started, one after another: on a machine that is busy that takes its time."""
    argv = [sys.executable, "-m", "penstock", "restart", "--port", str(gateway.port), "--json"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=110, env=environment(gateway.home))


async def answered(caller: Kept, gateway: RunningGateway) -> str:
    """One more call on its connection; what the answer says of the connection."""
    answer = await caller.ask(chat("m", gateway.key, keep=True))
    assert answer.status == 200
    return answer.headers.get("connection", "keep-alive")


def test_four_workers_are_renewed_under_load_and_no_call_fails(tmp_path: Path) -> None:
    async def main(gateway: RunningGateway) -> None:
        old = pids(gateway)
        assert set(old) == {0, 1, 2, 3}
        idle = [await Kept.dial(gateway.port) for _ in range(8)]
        for caller in idle:
            assert await answered(caller, gateway) == "keep-alive"
        long = asyncio.ensure_future(raw(gateway.port, chat("slow", gateway.key, words=250, stream=True), within=110))
        await asyncio.to_thread(until, lambda: "penstock_in_flight 1" in admin(gateway, "/metrics"))
        async with load(gateway.port, gateway.key) as tally:
            done = await asyncio.to_thread(restarted, gateway)
            assert json.loads(done.stdout) == {"ok": True, "workers": 4, "problems": []}, done.stderr
        new = pids(gateway)
        assert set(new) == {0, 1, 2, 3}
        assert not set(new.values()) & set(old.values())
        assert tally.wrong == []
        assert min(tally.good.values()) > 0, tally
        # Whoever was idle meanwhile is answered once more, and told to come on another connection.
        assert [await answered(caller, gateway) for caller in idle] == ["close"] * len(idle)
        for caller in idle:
            caller.writer.close()
        (whole,) = parse_answers(await long)
        assert whole.body.endswith(b"data: [DONE]\n\n")
        assert b"error" not in whole.body
        await asyncio.to_thread(until, lambda: not any(psutil.pid_exists(pid) for pid in old.values()), 60.0)
        assert not [line for line in (tmp_path / "log").read_text().splitlines() if '"level":"error"' in line]

    with running_gateway(tmp_path, config(), None, "--workers", "4") as gateway:
        asyncio.run(main(gateway))
        gateway.process.send_signal(signal.SIGTERM)
        assert exited(gateway) == 0


def test_a_stop_meanwhile_ends_those_that_leave_too(tmp_path: Path) -> None:
    async def main(gateway: RunningGateway) -> None:
        old = pids(gateway)
        long = asyncio.ensure_future(raw(gateway.port, chat("slow", gateway.key, words=3000, stream=True), within=60))
        await asyncio.to_thread(until, lambda: "penstock_in_flight 1" in admin(gateway, "/metrics"))
        gateway.process.send_signal(signal.SIGUSR2)
        await asyncio.to_thread(until, lambda: not set(pids(gateway).values()) & set(old.values()), 60.0)
        gateway.process.send_signal(signal.SIGTERM)
        (cut,) = parse_answers(await long)
        assert b"gateway_stopping" in cut.body
        assert await asyncio.to_thread(exited, gateway) == 0
        assert not any(psutil.pid_exists(pid) for pid in old.values())

    with running_gateway(tmp_path, config("300ms"), None, "--workers", "2") as gateway:
        asyncio.run(main(gateway))


def test_a_lone_worker_cannot_be_renewed(tmp_path: Path) -> None:
    with running_gateway(tmp_path, config()) as gateway:
        done = penstock(tmp_path, "restart", "--port", str(gateway.port))
        assert (done.returncode, "nobody to serve meanwhile" in done.stderr) == (1, True)
