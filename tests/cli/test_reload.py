import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.main import main
from penstock.core.tasks import Crew
from penstock.process.control import ControlSocket, ask_gateway


class Gateway:
    """Answers on a control socket in a thread of its own."""

    def __init__(self, port: int) -> None:
        self.answer: Any = {"ok": True, "problems": []}
        self._port = port
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(5)

    @property
    def answers(self) -> Any:
        async def reload(_: Any) -> Any:
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        async def bye(_: Any) -> None: ...

        return {"reload": reload, "bye": bye}

    async def _serve(self) -> None:
        self._loop, self._over, crew = asyncio.get_running_loop(), asyncio.Event(), Crew("test")
        control = ControlSocket(self, crew, self._port)  # type: ignore[arg-type]
        await control.open()
        self._ready.set()
        await self._over.wait()
        await ask_gateway(self._port, "bye")  # whoever only knocked has been let in, and out, before this is answered
        control.close()
        await crew.aclose()

    def end(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(5)


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("PENSTOCK_CONFIG", raising=False)
    gateway = Gateway(9123)
    yield gateway
    gateway.end()


def test_taken_over(gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reload", "--port", "9123"]) == 0
    assert capsys.readouterr().out == "the new configuration serves\n"
    (tmp_path / "c.yaml").write_text("listen: {port: 9123}\n")
    assert main(["reload", "-c", str(tmp_path / "c.yaml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "problems": []}


def test_refused(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answer = {"ok": False, "problems": ["c.yaml:1: a", "c.yaml:2: b"]}
    assert main(["reload", "--port", "9123"]) == 2
    assert capsys.readouterr().err == "c.yaml:1: a\nc.yaml:2: b\n(the old configuration keeps serving)\n"
    assert main(["reload", "--port", "9123", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["problems"] == ["c.yaml:1: a", "c.yaml:2: b"]


def test_a_file_with_problems_is_refused_before_anybody_is_asked(
    gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.yaml").write_text("listn: {port: 9123}\n")
    assert main(["reload", "-c", str(tmp_path / "c.yaml")]) == 2
    assert capsys.readouterr().err.startswith(f"{tmp_path}/c.yaml:1: ")


def test_nobody_there(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reload"]) == 1
    assert capsys.readouterr().err == "no gateway of this user runs on port 8400; there is one on 9123 (--port)\n"
    gateway.end()
    assert main(["reload", "--port", "9123"]) == 1
    assert capsys.readouterr().err == "no gateway of this user runs on port 9123\n"


def test_a_gateway_that_fails(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answer = ValueError("out of order")
    assert main(["reload", "--port", "9123"]) == 1
    assert "the gateway on port 9123 did not answer: reload: out of order\n" in capsys.readouterr().err


def test_a_socket_that_cannot_be(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp/" + "x" * 99)
    assert main(["reload", "--port", "9123"]) == 1
    assert "cannot be asked: the path /tmp/xxx" in capsys.readouterr().err
