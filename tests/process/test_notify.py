import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.process.notify import notify


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        yield listening


def test_a_state_is_told_where_somebody_asked(told: socket.socket) -> None:
    assert notify("READY=1", {"NOTIFY_SOCKET": told.getsockname()})
    assert told.recv(100) == b"READY=1"


@pytest.mark.skipif(sys.platform != "linux", reason="such names are Linux's own")
def test_a_name_that_is_in_no_file_system() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        name = f"penstock-test-{os.getpid()}"
        listening.bind(f"\0{name}")
        listening.settimeout(5)
        assert notify("STOPPING=1", {"NOTIFY_SOCKET": f"@{name}"})
        assert listening.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_where_nobody_asked_nothing_is_said(environ: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    assert not notify("READY=1", environ)
    assert not caplog.records


def test_who_does_not_listen_is_no_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "none")})
    assert "READY=1 cannot be told" in caplog.text


def test_a_gateway_says_when_it_serves(told: socket.socket, tmp_path: Path) -> None:
    async def main() -> None:
        config = tmp_path / "penstock.yaml"
        config.write_text("listen: {port: 0}\nauth: {mode: open}\nstore: memory\nupstreams: {e: {kind: echo}}\n")
        environ = {**os.environ, "NOTIFY_SOCKET": told.getsockname(), "XDG_RUNTIME_DIR": str(tmp_path)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "penstock", "serve", "--config", str(config),
            env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert await asyncio.to_thread(told.recv, 100) == b"READY=1"
            assert process.stdout is not None
            said = await process.stdout.readline()
            assert b"listens on" in said, "it was announced before"
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    asyncio.run(main())
