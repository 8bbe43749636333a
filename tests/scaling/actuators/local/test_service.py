"""Real children: what starts, dies, hangs and cannot start."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.local import service
from penstock.scaling.actuators.local.devices import Devices
from penstock.scaling.actuators.local.service import Local, Pace
from penstock.scaling.actuators.local_config import LocalConfig
from penstock.scaling.replica import Standing
from penstock.scaling.size import Size

SERVER = """
import http.server, os, signal, sys, time
class Says(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ill = os.path.exists(sys.argv[2])
        self.send_response(503 if ill else 200 if self.path == "/well" else 404)
        self.end_headers()
        self.wfile.write(os.environ.get("CUDA_VISIBLE_DEVICES", "").encode())
    def log_message(self, *_): pass
if len(sys.argv) > 3:
    sys.exit(sys.argv[3])
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Says).serve_forever()
"""
PACE = Pace(look=0.02, check=0.05, first_pause=0.05, longest_pause=0.1)


def config(ill: Path, *more: str, **settings: Any) -> LocalConfig:
    command = [sys.executable, "-S", "-c", SERVER, "{port}", str(ill), *more]
    return LocalConfig(command=command, ready="/well", **settings)


def running(settings: LocalConfig, test: Callable[[Local], Awaitable[None]], gpus: tuple[str, ...] = ()) -> None:
    async def main() -> None:
        pool = Local("p", settings, Devices(gpus), lambda: None, 0.5, pace=PACE)
        try:
            await test(pool)
        finally:
            await pool.aclose()
        assert (await pool.current()).of("starting", "ready") == []

    asyncio.run(main())


async def stands(pool: Local, ready: int, of: Callable[[Standing], bool] = lambda _: True) -> Standing:
    async with asyncio.timeout(20):
        while True:
            standing = await pool.current()
            if len(standing.of("ready")) == ready and of(standing):
                return standing
            await asyncio.sleep(0.01)


def pids() -> list[int]:
    """Children of this process that are replicas."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if parent == str(os.getpid()) and SERVER.encode() in words:
                found.append(int(folder.name))
    return found


def test_each_has_a_port_of_its_own_and_the_last_go_first(tmp_path: Path) -> None:
    async def main(pool: Local) -> None:
        await pool.want(3)
        standing = await stands(pool, 3)
        assert len({one.address for one in standing.replicas}) == 3
        assert all(one.took > 0 and one.since >= one.asked > 0 for one in standing.replicas)
        assert (standing.price, standing.wanted, standing.moves) == (0.5, 3, True)
        await pool.want(2, ["p-0"])
        assert [one.name for one in (await pool.current()).replicas] == ["p-1", "p-2"]
        await pool.want(1)
        assert [one.name for one in (await pool.current()).replicas] == ["p-1"]
        await pool.drain("p-1", drained=True)

    running(config(tmp_path / "ill"), main)


def test_one_that_is_killed_is_replaced_also_while_others_are_being_started(tmp_path: Path) -> None:
    async def main(pool: Local) -> None:
        await pool.want(1)
        first = (await stands(pool, 1)).replicas[0]
        await pool.want(3)
        for pid in await asyncio.to_thread(pids):
            os.kill(pid, signal.SIGKILL)
        standing = await stands(pool, 3, lambda standing: first.name not in [one.name for one in standing.replicas])
        assert standing.of("failed") == []

    running(config(tmp_path / "ill"), main)


def test_a_question_that_is_never_answered_does_not_hold_a_start_up(tmp_path: Path) -> None:
    deaf = SERVER.replace("import http.server,", "import http.server, socket,").replace(
        "http.server.HTTPServer(",
        "port = int(sys.argv[1])\n"
        "with socket.create_server(('127.0.0.1', port)) as first: lost = first.accept()[0]\n"
        "http.server.HTTPServer(",
    )
    command = [sys.executable, "-S", "-c", deaf, "{port}", str(tmp_path / "ill")]

    async def main() -> None:
        pace = Pace(look=0.02, answer=600.0)
        pool = Local("p", LocalConfig(command=command, ready="/well"), Devices(()), lambda: None, pace=pace)
        try:
            await pool.want(1)
            await stands(pool, 1)
        finally:
            await pool.aclose()

    asyncio.run(main())
    assert [Pace().patience(since) for since in (0.0, 3.0, 99.0)] == [1.0, 3.0, 10.0]


def test_one_that_is_ill_is_replaced(tmp_path: Path) -> None:
    async def main(pool: Local) -> None:
        await pool.want(1)
        first = (await stands(pool, 1)).replicas[0]
        (tmp_path / "ill").touch()
        failed = await stands(pool, 0, lambda standing: bool(standing.of("failed")))
        assert failed.of("failed")[0].trouble == "it failed 3 health checks in a row"
        (tmp_path / "ill").unlink()
        assert (await stands(pool, 1)).of("ready")[0].name != first.name

    running(config(tmp_path / "ill"), main)


def test_one_that_never_starts_is_told_once_with_its_last_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(pool: Local) -> None:
        await pool.want(1)
        standing = await stands(pool, 0, lambda standing: any("status 1" in one.trouble for one in standing.replicas))
        failed = standing.of("failed")[0]
        assert (failed.trouble, failed.said) == ("it ended with status 1", "no such model")
        async with asyncio.timeout(20):
            while not [record for record in caplog.records if record.levelno == logging.ERROR]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    running(config(tmp_path / "ill", "no such model"), main)
    assert "no such model" in caplog.text
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1


def test_one_that_takes_too_long_to_start_is_ended(tmp_path: Path) -> None:
    async def main(pool: Local) -> None:
        await pool.want(1)
        standing = await stands(pool, 0, lambda standing: bool(standing.of("failed")))
        assert standing.of("failed")[0].trouble == "it was not ready within 0.3 s"

    (tmp_path / "ill").touch()
    running(config(tmp_path / "ill", start=0.3), main)


def test_a_command_that_is_not_there_is_told() -> None:
    async def main(pool: Local) -> None:
        await pool.want(1)
        standing = await stands(pool, 0, lambda standing: bool(standing.of("failed")))
        assert "no-such-engine: no such command" in standing.of("failed")[0].trouble

    running(LocalConfig(command=["no-such-engine", "{port}"]), main)


def test_each_has_its_gpus_and_more_replicas_than_gpus_are_refused_in_words(tmp_path: Path) -> None:
    async def asked(address: str) -> str:
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(b"GET /well HTTP/1.0\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer.decode().rpartition("\r\n\r\n")[2]

    async def main(pool: Local) -> None:
        with pytest.raises(ActuatorError, match="1 replicas more need 2 GPUs, and 1 of 5 are free: lower max"):
            await pool.want(3)
        standing = await stands(pool, 2)
        assert [await asked(one.address) for one in standing.replicas] == ["0,1", "2,3"]
        await pool.want(1, ["p-0"])
        async with asyncio.timeout(10):
            while True:  # the first has ended by then, and its GPUs are free
                try:
                    await pool.want(2)
                    break
                except ActuatorError:
                    await asyncio.sleep(0.02)
        standing = await stands(pool, 2)
        assert sorted([await asked(one.address) for one in standing.replicas]) == ["0,1", "2,3"]

    running(config(tmp_path / "ill", gpus_per_replica=2), main, ("0", "1", "2", "3", "4"))


def test_another_size_is_for_those_that_start_from_now_on(tmp_path: Path) -> None:
    async def main(pool: Local) -> None:
        await pool.want(1)
        standing = await stands(pool, 1)
        assert (standing.size, standing.can, standing.replicas[0].stale) == (Size(slots=2), ["slots"], False)
        assert await pool.resize(Size(slots=8), dry_run=True) == Size(slots=8)
        assert not (await pool.current()).replicas[0].stale
        await pool.resize(Size(slots=8))
        await pool.want(2)
        standing = await stands(pool, 2)
        assert [one.stale for one in standing.replicas] == [True, False]
        words = [await asyncio.to_thread(Path(f"/proc/{pid}/environ").read_bytes) for pid in pids()]
        assert sorted(b"SLOTS=8" in one for one in words) == [False, True]
        await pool.resize(Size(slots=2))
        assert [one.stale for one in (await pool.current()).replicas] == [False, True]

    running(config(tmp_path / "ill", environment={"SLOTS": "{slots}"}, slots=2), main)


@pytest.mark.parametrize(
    ("size", "says"),
    [
        (Size(context=512), r"context cannot be changed: its command does not say \{context\}"),
        (Size(cpu=2.0), "cpu cannot be changed: its command sets its own"),
    ],
)
def test_what_its_command_does_not_take_is_refused(tmp_path: Path, size: Size, says: str) -> None:
    async def main(pool: Local) -> None:
        with pytest.raises(ActuatorError, match=says):
            await pool.resize(size)

    running(config(tmp_path / "ill", environment={"SLOTS": "{slots}"}, slots=2), main)


def test_with_all_gpus_in_use_there_is_no_room_for_one_more(tmp_path: Path) -> None:
    async def main(pool: Local) -> None:
        assert not (await pool.current()).tight
        await pool.want(1)
        assert (await stands(pool, 1)).tight

    running(config(tmp_path / "ill", gpus_per_replica=2), main, ("0", "1", "2"))


def test_a_port_that_another_user_took_first_is_sent_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody can read in a command line which port it will take, and a model takes a minute to load."""
    asked: list[int] = []

    def strangers(port: int, _: int) -> set[int]:
        asked.append(port)
        return {4321} if len(asked) == 1 else set()

    monkeypatch.setattr(service, "strangers", strangers)

    async def main(pool: Local) -> None:
        await pool.want(1)
        async with asyncio.timeout(20):
            while not (failed := (await pool.current()).of("failed")):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.001)
        assert (failed[0].trouble, failed[0].took) == (
            f"another user's process answers on its port {asked[0]} (uid 4321)", 0.0,
        )  # fmt: skip
        (replica,) = (await stands(pool, 1)).of("ready")
        assert replica.address != failed[0].address

    running(config(tmp_path / "ill"), main)


def test_last_words_hold_no_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main(pool: Local) -> None:
        await pool.want(1)
        async with asyncio.timeout(20):
            while "it ended with status" not in caplog.text:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)

    caplog.set_level(logging.DEBUG, "penstock")
    command = [sys.executable, "-c", "import sys; sys.exit(' '.join(sys.argv))", "--api-key", "sk-secret-1", "{port}"]
    running(LocalConfig(command=command, ready="/well"), main)
    assert "--api-key ********" in caplog.text
    assert "sk-secret-1" not in caplog.text
