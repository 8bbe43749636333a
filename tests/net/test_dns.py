from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock.net import dns
from penstock.net.dns import ask, system_servers
from penstock.process.loop import run
from tests.faults.upstream import refusing_port
from tests.support.name_server import name_server


@dataclass
class Told:
    data: bytes
    truncated: bool = False


def read(data: bytes) -> Told:
    if data.startswith(b"bad"):
        raise ValueError(f"not this one: {data.decode()}")
    return Told(data, data.startswith(b"cut"))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "UDP_SECONDS", 0.2)
    monkeypatch.setattr(dns, "TCP_SECONDS", 0.5)


def test_over_udp_and_what_is_no_answer_is_passed_over() -> None:
    async def main() -> None:
        async with name_server(lambda question, tcp: [b"bad 1", b"bad 2", b"good " + question]) as server:
            told = await ask(b"q", [("127.0.0.1", server.port)], read)
            assert told.data == b"good q"
            assert server.asked == {"udp": 1, "tcp": 0}

    run(main())


def test_over_tcp_where_it_does_not_fit() -> None:
    async def main() -> None:
        async with name_server(lambda question, tcp: [b"whole" * 9000] if tcp else [b"cut"]) as server:
            assert (await ask(b"q", [("127.0.0.1", server.port)], read)).data == b"whole" * 9000
            assert server.asked == {"udp": 1, "tcp": 1}

    run(main())


@pytest.mark.parametrize("answers", [[], [b"bad 1"]])
def test_one_that_does_not_tell_is_passed_over(answers: list[bytes]) -> None:
    async def main() -> None:
        async with (
            name_server(lambda question, tcp: answers) as silent,
            name_server(lambda question, tcp: [b"good"]) as other,
        ):
            with refusing_port() as dead:
                servers = [("127.0.0.1", silent.port), ("127.0.0.1", dead), ("127.0.0.1", other.port)]
                assert (await ask(b"q", servers, read)).data == b"good"
            assert silent.asked["udp"] == 1

    run(main())


@pytest.mark.parametrize(
    ("answers", "kind", "said"),
    [
        ([], OSError, "did not answer in time"),
        ([b"bad 7"], ValueError, "not this one: bad 7"),
        ([b"cut"], OSError, "over TCP either"),
    ],
)
def test_when_nobody_tells_the_last_failure_is_told_after_two_rounds(
    answers: list[bytes], kind: type[Exception], said: str
) -> None:
    async def main() -> None:
        async with name_server(lambda question, tcp: answers) as server:
            with pytest.raises(kind, match=said):
                await ask(b"q", [("127.0.0.1", server.port)], read)
            assert server.asked["udp"] == 2

    run(main())


def test_one_that_breaks_off_over_tcp() -> None:
    async def main() -> None:
        async with name_server(lambda question, tcp: [] if tcp else [b"cut"]) as server:
            with pytest.raises(OSError, match="broke off"):
                await ask(b"q", [("127.0.0.1", server.port)], read)

    run(main())


def test_no_server_and_none_that_listens() -> None:
    with pytest.raises(OSError, match="no name server"):
        run(ask(b"q", [], read))
    with refusing_port() as port, pytest.raises(OSError, match=r"refused|Errno 111"):
        run(ask(b"q", [("127.0.0.1", port)], read))


def test_the_servers_of_this_machine(tmp_path: Path) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("# a\nsearch x\nnameserver 10.0.0.1\nnameserver ::1\nnameserver\nnameserver a\nnameserver b\n")
    assert system_servers(str(conf)) == [("10.0.0.1", 53), ("::1", 53), ("a", 53)]
    conf.write_text("search x\n")
    assert system_servers(str(conf)) == [("127.0.0.1", 53)]
    assert system_servers(str(tmp_path / "none")) == [("127.0.0.1", 53)]
