import asyncio
import os

import pytest

from penstock.assemble import Gateway, limits_of
from penstock.config import Config, ConfigError
from penstock.edge.config import ListenConfig
from penstock.net.server import Limits
from tests.support.gateway import ECHO, OPEN_ECHO, Running, ask, running_gateway
from tests.support.load import Kept, chat

OTHER = OPEN_ECHO.replace("models: {echo:", "models: {parrot:")


def parsed(text: str) -> Config:
    return Config.parse(text, "c.yaml", os.environ)


class NoFleet:
    """Nothing is asked of it here."""


async def status_of(gateway: Running, model: str) -> int:
    caller = await Kept.dial(gateway.port)
    answer = await caller.ask(chat(model, gateway.key, keep=True))
    caller.writer.close()
    return answer.status


def test_what_is_prepared_changes_nothing_until_it_is_adopted() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as running:
            gateway = running.gateway
            gateway.adopt()  # nothing is prepared
            assert gateway.reloads == 0
            gateway.prepare(parsed(OTHER + "listen: {max_fields: 9}\n"))
            assert await status_of(running, "echo") == 200
            assert gateway.server.limits.max_fields == 100
            gateway.adopt()
            assert (await status_of(running, "echo"), await status_of(running, "parrot")) == (404, 200)
            assert gateway.server.limits.max_fields == 9
            assert gateway.dump()["generation"] == 2

    asyncio.run(main())


def test_what_is_prepared_twice_is_adopted_once() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as running:
            gateway = running.gateway
            for name in ("a", "b"):
                gateway.prepare(parsed(OPEN_ECHO.replace("{echo: {kind", f"{{{name}: {{kind: echo}}, echo: {{kind")))
            assert {target.name for target in gateway.upstreams.targets} == {"b", "echo"}
            gateway.adopt()
            assert len(gateway._editions) == 1
            gateway.discard()
            assert {target.name for target in gateway.upstreams.targets} == {"b", "echo"}

    asyncio.run(main())


def test_what_cannot_be_made_leaves_no_trace() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as running:
            gateway = running.gateway
            before = gateway.upstreams.targets
            text = "upstreams: {new: {kind: echo}, x: {kind: bedrock, region: r}}\nmodels: {}\nauth: {mode: open}\n"
            with pytest.raises(ConfigError, match="bedrock"):
                gateway.prepare(parsed(text))
            assert gateway.upstreams.targets == before
            gateway.adopt()
            assert gateway.reloads == 0

    asyncio.run(main())


def test_the_dump_is_plain_and_whole() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as running:
            assert await status_of(running, "echo") == 200
            dump = running.gateway.dump()
            assert (dump["worker"], dump["generation"], dump["reloads"], dump["engines"]) == (0, 1, 0, [])
            assert dump["upstreams"] == {"echo": [0, 1, 0]}
            assert dump["accounts"]["bodies"][0] == 0
            assert dump["accounts"]["bodies"][2] > 0
            assert dump["process"]["pid"] == os.getpid()

    asyncio.run(main())


def test_a_deadline_that_fails_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        due = 0.0
        wheel_at = 0.0

        def expire(self, now: float) -> None:
            raise ValueError("broken")

    async def main() -> None:
        async with running_gateway(OPEN_ECHO + "listen: {first_byte_timeout: 200ms}\n") as running:
            broken = Broken()
            broken.due = running.gateway.clock.now() + 0.01
            running.gateway.wheel.watch(broken)
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            assert await asyncio.wait_for(reader.read(), 10) == b""  # its own deadline still came
            writer.close()

    asyncio.run(main())
    assert "ValueError: broken" in caplog.text


def test_asked_twice_to_drain_it_ends_at_the_earlier_moment() -> None:
    async def main() -> None:
        text = OPEN_ECHO.replace("{kind: echo}", "{kind: echo, tokens_per_second: 10}")
        async with running_gateway(text) as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(chat("echo", words=600, stream=True))
            await reader.readuntil(b"data: ")
            first = asyncio.ensure_future(running.gateway.drain(60.0))
            await asyncio.sleep(0.05)
            assert not first.done()
            assert running.gateway.waits_for() == ["shutdown"]
            later = asyncio.ensure_future(running.gateway.drain(100.0))
            await asyncio.sleep(0.05)
            await asyncio.wait_for(running.gateway.drain(0.0), 10)
            assert first.done()
            await later
            rest = await reader.read()
            assert b"gateway_stopping" in rest
            assert rest.endswith(b"\r\n0\r\n\r\n")
            writer.close()

    asyncio.run(main())


def test_while_it_drains_what_is_asked_on_a_running_connection_is_its_last() -> None:
    async def main() -> None:
        text = OPEN_ECHO.replace("{kind: echo}", "{kind: echo, tokens_per_second: 50}")
        async with running_gateway(text) as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(chat("echo", words=10, stream=True, keep=True))
            await reader.readuntil(b"data: ")
            draining = asyncio.ensure_future(running.gateway.drain(60.0))
            assert (await reader.read()).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")  # and the connection is closed
            await asyncio.wait_for(draining, 10)
            writer.close()

    asyncio.run(main())


def test_the_limits_are_those_configured() -> None:
    config = parsed("listen: {max_fields: 50, head_timeout: 3s}")
    limits = limits_of(config)
    assert (limits.max_fields, limits.head_timeout) == (50, 3.0)
    assert all(getattr(limits, name) == getattr(config.of(ListenConfig), name) for name in Limits.__slots__)


def test_while_open_only_names_of_this_machine_are_served() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO + "listen: {hosts: [gate.local]}\n") as running:
            for host, wanted in (("localhost", 200), ("127.0.0.1:1", 200), ("GATE.local", 200), ("evil.example", 421)):
                answer = await ask(running.port, "GET", "/health", [("Host", host)])
                assert (host, answer.status) == (host, wanted)

    asyncio.run(main())


def test_it_can_be_closed_before_it_is_opened() -> None:
    async def main() -> None:
        async with Gateway(0, NoFleet()) as gateway:  # type: ignore[arg-type]
            assert gateway.upstreams.targets == []

    asyncio.run(main())
