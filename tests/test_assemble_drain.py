"""The end of a worker: what runs may finish, what does not is told why, and who asks twice gets the earlier moment."""

import asyncio

import pytest

from penstock.process.loop import run
from tests.support.gateway import ECHO, ask, running_gateway

CHAT = "/v1/chat/completions"


def test_without_calls_it_is_over_at_once_and_nobody_new_is_served() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as running:
            async with asyncio.timeout(20):
                await running.gateway.drain(60.0)
            assert running.gateway.waits_for() == ["shutdown"]
            with pytest.raises(OSError):
                await ask(running.port, "GET", "/health")

    run(main())


def test_who_asks_again_may_hurry_it_and_a_call_that_runs_is_told() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as running:
            gateway = running.gateway
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            name, value = running.bearer
            head = f"POST {CHAT} HTTP/1.1\r\nhost: a\r\n{name}: {value}\r\nexpect: 100-continue\r\n"
            writer.write(f"{head}content-length: 10\r\n\r\n".encode())
            async with asyncio.timeout(20):
                assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n")  # it runs, and waits for its body
                first = asyncio.get_running_loop().create_task(gateway.drain(600.0))
                await asyncio.sleep(0)
                await gateway.drain(0.1)
                await first
                answer = await reader.read(65536)
            writer.close()
            assert b"gateway_stopping" in answer

    run(main())


def test_one_that_was_renewed_answers_idle_callers_once_more_and_stays_well() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as running:
            gateway = running.gateway
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            asked = b"GET /health/ready HTTP/1.1\r\nhost: a\r\n\r\n"
            async with asyncio.timeout(20):
                writer.write(asked)
                assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
                await reader.readuntil(b"}\n")
                leaving = asyncio.get_running_loop().create_task(gateway.drain(600.0, renewed=True))
                await asyncio.sleep(0)
                with pytest.raises(OSError):
                    await ask(running.port, "GET", "/health")
                assert (gateway.waits_for(), leaving.done()) == ([], False)
                writer.write(asked)
                head = await reader.readuntil(b"\r\n\r\n")
                assert b" 200 " in head
                assert b"connection: close" in head
                await leaving
            writer.close()

    run(main())


def test_told_to_end_meanwhile_it_does() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as running:
            gateway = running.gateway
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(b"GET /health/ready HTTP/1.1\r\nhost: a\r\n\r\n")
            async with asyncio.timeout(20):
                await reader.readuntil(b"}\n")
                leaving = asyncio.get_running_loop().create_task(gateway.drain(600.0, renewed=True))
                await asyncio.sleep(0)
                await gateway.drain(30.0)
                await leaving
                assert await reader.read() == b""
            assert gateway.waits_for() == ["shutdown"]
            writer.close()

    run(main())
