"""The end of a worker: what runs may finish, what does not is told why, and who asks twice gets the earlier moment."""

import asyncio

import pytest

from penstock.process.loop import run
from tests.support.gateway import ECHO, ask, running_gateway

CHAT = "/v1/chat/completions"


def test_without_calls_it_is_over_at_once_and_nobody_new_is_served() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as running:
            async with asyncio.timeout(5):
                await running.gateway.drain(60.0)
            assert running.gateway.waits_for() == ["shutdown"]
            with pytest.raises(OSError):
                await ask(running.port, "GET", "/health")

    run(main())


def test_who_asks_again_may_hurry_it() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as running:
            gateway = running.gateway
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(b"POST " + CHAT.encode() + b" HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n{")
            await writer.drain()
            async with asyncio.timeout(10):
                while not gateway.server.busy:
                    await asyncio.sleep(0.01)
                first = asyncio.get_running_loop().create_task(gateway.drain(600.0))
                await asyncio.sleep(0)
                await gateway.drain(0.1)
                await first
            answer = await reader.read(65536)
            writer.close()
            assert answer == b"" or b"gateway_stopping" in answer or b"missing_api_key" in answer

    run(main())
