"""The governor in a gateway that serves: what it squeezes, whom it admits, which limits it does not accept."""

import asyncio
import contextlib

import pytest

from penstock.config import Config, ConfigError
from penstock.memory.limit import MIB
from penstock.net.server import CONNECTION_BYTES
from penstock.process.loop import run
from tests.support.gateway import ECHO, ask, running_gateway
from tests.support.stores import until

CHAT = "/v1/chat/completions"
HELLO = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}
LIMITED = ECHO + "memory: {limit: 4GiB, every: 60s}\n"


def test_pressure_squeezes_what_can_give_back_and_lets_it_go_again() -> None:
    async def main() -> None:
        async with running_gateway(LIMITED) as running:
            gateway = running.gateway
            governor, accounts = gateway.keeping.governor, gateway.ledger.accounts
            assert governor.limit == (4096 * MIB, "memory.limit", 4096 * MIB)
            governor.look(int(0.85 * 4096 * MIB))
            assert accounts["buffers"].share == accounts["resume"].share == 0.25
            assert accounts["cache"].share == 0.25
            assert gateway.resumption is not None
            assert gateway.resumption.streams.resting
            streaming = HELLO | {"stream": True}
            fields = [running.bearer, ("x-penstock-resume", "true")]
            answer = await ask(running.port, "POST", CHAT, fields, streaming)
            assert answer.status == 200
            assert "x-penstock-stream" not in answer.headers
            governor.look(100 * MIB)
            assert {account.share for account in accounts.values()} == {1.0}
            answer = await ask(running.port, "POST", CHAT, fields, streaming)
            assert "x-penstock-stream" in answer.headers

    run(main())


def test_a_body_for_which_there_is_no_room_in_all_is_refused() -> None:
    async def main() -> None:
        async with running_gateway(LIMITED) as running:
            ledger = running.gateway.ledger
            room, ledger.room = ledger.room, 10
            answer = await ask(running.port, "POST", CHAT, [running.bearer], HELLO)
            assert answer.status == 503
            assert answer.headers["retry-after"] == "1"
            ledger.room = room
            assert (await ask(running.port, "POST", CHAT, [running.bearer], HELLO)).status == 200

    run(main())


def test_a_limit_that_an_idle_process_needs_for_itself_is_refused_with_a_better_one() -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match=r"memory.limit must be \d+MiB or more"):
            async with running_gateway(ECHO + "memory: {limit: 32MiB}\n"):
                raise AssertionError("it serves")

    run(main())


@pytest.mark.parametrize("limit", ["0", "-5", "1MiB", "much"])
def test_a_limit_is_a_size(limit: str) -> None:
    with pytest.raises(ConfigError, match="limit"):
        Config.parse(f"memory: {{limit: {limit}}}\n", "p.yaml", {})


def test_a_reload_changes_the_limit_and_refuses_one_that_is_too_small() -> None:
    async def main() -> None:
        async with running_gateway(LIMITED) as running:
            gateway = running.gateway
            smaller = Config.parse(ECHO + "memory: {limit: 2GiB, every: 1s}\n", "p.yaml", {})
            gateway.prepare(smaller)
            gateway.adopt()
            assert gateway.keeping.governor.limit.bytes == 2048 * MIB
            with pytest.raises(ConfigError, match="or more"):
                gateway.prepare(Config.parse(ECHO + "memory: {limit: 32MiB}\n", "p.yaml", {}))
            assert gateway.keeping.governor.limit.bytes == 2048 * MIB

    run(main())


def test_connections_have_half_of_the_limit_and_the_next_one_is_dropped() -> None:
    async def main() -> None:
        async with running_gateway(LIMITED) as running:
            ledger, server = running.gateway.ledger, running.gateway.server
            connections = ledger.accounts["connections"]
            assert connections.bound == 2048 * MIB
            connections.bound = 2 * CONNECTION_BYTES
            kept = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(2)]
            await until(lambda: server.open == 2)
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 20) == b""
            writer.close()
            await until(lambda: server.open == 2 and connections.held == 2 * CONNECTION_BYTES)
            assert server.refused_connections == connections.refused == 1
            for _, one in kept:
                one.close()
            await until(lambda: connections.held == 0)
            assert (await ask(running.port, "POST", CHAT, [running.bearer], HELLO)).status == 200

    run(main())
