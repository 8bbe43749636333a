# ruff: noqa: ASYNC240
import asyncio
import os
import socket
import stat
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from penstock.core.tasks import Crew
from penstock.process.control import ControlSocket, ask_gateway, control_folder, control_path, running_ports
from penstock.process.link import LinkError
from penstock.process.spec import Source, Spec
from penstock.process.team import Team


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "penstock"


def team() -> Team:
    return Team(Source(None), Spec("the environment", None))


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert control_path(8400) == f"{tmp_path}/penstock/8400.sock"
    assert control_folder({}).endswith(f"/penstock-{os.getuid()}")


def test_it_answers_its_user_and_nobody_else_may_enter(folder: Path) -> None:
    async def main() -> None:
        crew = Crew("test")
        control = ControlSocket(team(), crew, 1)
        await control.open()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "1.sock").stat().st_mode) == 0o600
        told = await ask_gateway(1, "status")
        assert (told["config"], told["workers"]) == ("the environment", [])
        assert await ask_gateway(1, "calls", {"count": 5, "id": ""}) == []
        with pytest.raises(LinkError, match="no such question"):
            await ask_gateway(1, "spec")  # what workers may ask, commands may not
        control.close()
        assert not (folder / "1.sock").exists()
        with pytest.raises(FileNotFoundError):
            await ask_gateway(1, "status")
        await crew.aclose()

    run(main())


def test_a_stale_socket_is_replaced_and_a_living_one_is_not(folder: Path) -> None:
    async def main() -> None:
        folder.mkdir(mode=0o700)
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(str(folder / "1.sock"))
        crew = Crew("test")
        first, second, other = (ControlSocket(team(), crew, port) for port in (1, 1, 2))
        assert running_ports() == []
        await first.open()
        await other.open()
        with pytest.raises(FileExistsError, match="another gateway of this user"):
            await second.open()
        second.close()
        assert running_ports() == [1, 2]
        other.close()
        assert (await ask_gateway(1, "status"))["reloads"] == 0
        first.close()
        await crew.aclose()

    run(main())


def test_what_took_its_place_is_left_alone(folder: Path) -> None:
    async def main() -> None:
        crew = Crew("test")
        control = ControlSocket(team(), crew, 1)
        await control.open()
        (folder / "1.sock").rename(folder / "old")
        (folder / "1.sock").write_text("a successor's")
        control.close()
        assert (folder / "1.sock").read_text() == "a successor's"
        await crew.aclose()

    run(main())


def test_a_folder_of_ours_is_closed_to_others_and_a_foreign_one_refused(folder: Path, tmp_path: Path) -> None:
    async def main() -> None:
        crew = Crew("test")
        folder.mkdir(mode=0o755)
        control = ControlSocket(team(), crew, 1)
        await control.open()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        control.close()
        folder.rmdir()
        folder.symlink_to(tmp_path)
        with pytest.raises(PermissionError, match="must be a directory that belongs to this user"):
            await ControlSocket(team(), crew, 1).open()
        await crew.aclose()

    run(main())


def test_a_path_too_long_for_a_socket_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp/" + "x" * 90)
    with pytest.raises(OSError, match=r"too long for a socket \(\d+ bytes, 100 are possible\); set XDG_RUNTIME_DIR"):
        control_path(8400)


def test_junk_on_it_harms_nobody() -> None:
    async def main() -> None:
        crew = Crew("test")
        control = ControlSocket(team(), crew, 1)
        await control.open()
        for junk in (b"GET / HTTP/1.1\r\n\r\n", b'{"n":1,"ask":"calls","value":null}\n', b"\0" * 99):
            reader, writer = await asyncio.open_unix_connection(control_path(1))
            writer.write(junk)
            writer.write_eof()
            await asyncio.wait_for(reader.read(), 2)
            writer.close()
        assert (await ask_gateway(1, "status"))["reloads"] == 0
        control.close()
        await crew.aclose()

    run(main())
