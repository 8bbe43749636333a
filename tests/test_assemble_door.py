import asyncio

from penstock.assemble_door import limits_of, open_hosts
from penstock.config import Config
from penstock.edge.config import ListenConfig
from penstock.net.server import Limits
from penstock.process.loop import run
from tests.support.gateway import OPEN_ECHO, Running, running_gateway
from tests.support.realtime import OPEN, PATH, Far, sessions
from tests.support.socket_caller import dial, frame


def config(text: str) -> Config:
    return Config.parse(text, "penstock.yaml", {})


def test_the_servers_bounds_are_those_configured() -> None:
    limits = limits_of(config("listen: {max_fields: 50, idle_timeout: 9s}"))
    assert limits == Limits(max_fields=50, idle_timeout=9.0)


def test_the_hosts_of_an_open_gateway() -> None:
    assert open_hosts(ListenConfig(host="127.0.0.2", hosts=["Gate.Local"])) == {
        "localhost", "127.0.0.1", "[::1]", "127.0.0.2", "gate.local",
    }  # fmt: skip
    assert "[::2]" in open_hosts(ListenConfig(host="::2"))


def test_sockets_follow_the_newest_configuration() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            gateway.path.write_text(OPEN_ECHO + "listen: {websocket: {max_message: 1KiB}}\n")
            assert (await gateway.team.reload())["ok"]
            caller = await dial(gateway.port)
            caller.send(frame(1, b"x" * 1025))
            assert await caller.closed() == 1009
            caller.leave()

    run(main())


def test_sessions_follow_the_newest_configuration() -> None:
    async def act(gateway: Running, far: "asyncio.Queue[Far]") -> None:
        config = gateway.path.read_text()
        gateway.path.write_text(config + "listen: {websocket: {max_message: 1KiB}}\n")
        assert (await gateway.team.reload())["ok"]
        caller = await dial(gateway.port, path=PATH)
        end = await far.get()
        caller.send(frame(1, b"x" * 1025))
        assert await caller.closed() == 1009
        caller.leave()
        end.line.writer.close()

    sessions(act, OPEN)
