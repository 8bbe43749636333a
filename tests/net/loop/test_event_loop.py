import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from penstock.net.loop.event_loop import EventLoop, new_event_loop
from tests.net.loop.pairs import Noting, connected, on_loops_of_python, read_all, until
from tests.support.loops import Run, run


def test_where_there_is_no_epoll_asyncios_own_loop_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = new_event_loop()
    assert isinstance(loop, EventLoop)
    loop.close()
    monkeypatch.delattr(select, "epoll")
    monkeypatch.setattr(asyncio, "new_event_loop", lambda: "asyncio's own")
    assert new_event_loop() == "asyncio's own"


def test_a_closed_loop_takes_nothing_more() -> None:
    loop = EventLoop()
    loop.call_later(5, print)
    loop.close()
    loop.close()
    asks: list[Any] = [loop.call_soon, loop.call_soon_threadsafe]
    for ask in [*asks, lambda call: loop.call_later(1, call), lambda call: loop.call_at(1, call)]:
        with pytest.raises(RuntimeError, match="closed"):
            ask(print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.run_forever()


def test_debug_mode_knows_where_a_call_was_asked_for_and_from_which_thread() -> None:
    loop = EventLoop()
    loop.set_debug(True)

    async def main() -> None:
        timer = loop.call_later(5, print)
        assert "test_event_loop.py" in repr(timer)
        timer.cancel()
        refused: list[BaseException] = []

        def ask() -> None:
            for call in (loop.call_soon, lambda call: loop.call_later(1, call)):
                try:
                    call(print)
                except RuntimeError as error:
                    refused.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        await asyncio.to_thread(thread.join)
        assert len(refused) == 2
        with pytest.raises(TypeError):
            loop.call_soon(main)  # a coroutine function
        noting = Noting()
        transport, peer = await connected(noting)
        with peer:
            peer.sendall(b"x")
            await until(lambda: noting.got == b"x")
            transport.write(b"y")
            transport.close()
            assert await read_all(peer) == b"y"

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.mark.filterwarnings("default")
def test_debug_mode_by_the_environment() -> None:
    program = (
        "import asyncio\nfrom penstock.net.loop.event_loop import EventLoop\nloop = EventLoop()\n"
        "print(loop.get_debug(), type(loop.call_soon(print)).__module__)\nloop.close()"
    )
    source = str(Path(sys.modules["penstock"].__path__[0]).parent)
    env = {**os.environ, "PYTHONASYNCIODEBUG": "1", "PYTHONPATH": source}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "asyncio.events"]


@on_loops_of_python
def test_streams_over_tcp_and_unix_sockets(run: Run, tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data.upper())
            await writer.drain()
        writer.close()

    async def main() -> None:
        tcp = await asyncio.start_server(echo, "127.0.0.1", 0)
        unix = await asyncio.start_unix_server(echo, tmp_path / "s")
        for opened in (
            asyncio.open_connection(*tcp.sockets[0].getsockname()),
            asyncio.open_unix_connection(tmp_path / "s"),
        ):
            reader, writer = await opened
            writer.writelines([b"one ", b"two"])
            writer.write_eof()
            assert await reader.read() == b"ONE TWO"
            writer.close()
            await writer.wait_closed()
        for server in (tcp, unix):
            server.close()
            await server.wait_closed()

    run(main())


@on_loops_of_python
def test_foreign_descriptors_are_watched_beside(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        here, there = socket.socketpair()
        here.setblocking(False)
        told: list[str] = []
        with here, there:
            loop.add_writer(here, told.append, "writable")
            await until(lambda: told)
            assert loop.remove_writer(here)
            assert not loop.remove_writer(here)
            told.clear()
            loop.add_reader(here, lambda: told.append(here.recv(100).decode()))
            there.sendall(b"x")
            await until(lambda: told)
            assert loop.remove_reader(here)
            there.sendall(b"y")
            assert await loop.sock_recv(here, 100) == b"y"
            await loop.sock_sendall(here, b"z")
            assert there.recv(10) == b"z"
        assert told == ["x"]

    run(main())


@on_loops_of_python
def test_the_descriptor_of_a_transport_is_its_own(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        noting = Noting()
        transport, peer = await connected(noting)
        with peer:
            sock = transport.get_extra_info("socket")
            for watched in (sock, sock.fileno()):
                with pytest.raises(RuntimeError):
                    loop.add_reader(watched, print)
                with pytest.raises(RuntimeError):
                    loop.remove_writer(watched)
            with pytest.raises(ValueError):
                loop.add_reader("no descriptor", print)
            transport.close()
            await noting.lost

    run(main())


@on_loops_of_python
def test_children_and_their_pipes(run: Run) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "import sys; sys.stdout.write(sys.stdin.read() * 2); sys.exit(3)",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        out, _ = await child.communicate(b"abc" * 100_000)
        assert (out, child.returncode) == (b"abc" * 200_000, 3)

    run(main())


@on_loops_of_python
def test_signals(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, told.set_result, "usr1")
        os.kill(os.getpid(), signal.SIGUSR1)
        assert await asyncio.wait_for(told, 5) == "usr1"
        assert loop.remove_signal_handler(signal.SIGUSR1)

    run(main())


@on_loops_of_python
def test_ctrl_c_ends_it(run: Run) -> None:
    async def main() -> None:
        threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT)).start()
        await asyncio.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        run(main())


def test_names_are_looked_up_and_connections_refused() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo("localhost", 80, family=socket.AF_INET, type=socket.SOCK_STREAM)
        assert found[0][4] == ("127.0.0.1", 80)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            with pytest.raises(ConnectionRefusedError):
                await loop.create_connection(asyncio.Protocol, *taken.getsockname())

    run(main())
