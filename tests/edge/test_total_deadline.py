"""``timeouts.total`` holds the whole call, also while its caller sends or reads just fast enough to pass the others."""

import asyncio

from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.net.server import Limits
from tests.net.caller import calling
from tests.support.loops import run
from tests.support.scripted import Puppet, scripted

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"


def test_a_body_that_trickles_does_not_outlive_it() -> None:
    async def main() -> None:
        async def script(exchange: Exchange) -> Reply:
            return Reply(200, [], await exchange.body.read(1 << 20))

        async with scripted(script, Limits(body_timeout=60.0), total_timeout=0.2) as door:
            async with calling(door.port) as caller:
                caller.send(HEAD)
                for _ in range(20):
                    caller.send(b"x")
                    await asyncio.sleep(0.02)
                await caller.until(b'"code":"deadline"', within=20.0)
            assert [exchange.outcome for exchange in door.ended] == ["error"]

    run(main())


def test_a_body_deadline_later_than_it_gives_way() -> None:
    async def main() -> None:
        async def script(exchange: Exchange) -> Reply:
            return Reply(200, [], await exchange.body.read(1 << 20))

        async with scripted(script, Limits(body_timeout=60.0), total_timeout=0.2) as door:
            async with calling(door.port) as caller:
                caller.send(HEAD)  # and nothing more
                await caller.until(b'"code":"deadline"', within=20.0)

    run(main())


def test_a_reader_that_sips_does_not_outlive_it() -> None:
    """He would hold the upstream's connection, and its seat, for as long as he likes."""
    puppet = Puppet([b"data: x\n\n" * 100_000])

    async def main() -> None:
        async with scripted(lambda _: Reply(200, [], puppet, events=True), total_timeout=0.3) as door:
            async with calling(door.port, receive_buffer=4096) as caller:
                caller.send(HEAD.replace(b"1000", b"0"))
                await door.until(lambda: "pause" in puppet.calls)
                async with asyncio.timeout(20):
                    while "cancel" not in puppet.calls:
                        await caller.more(16)
                        await asyncio.sleep(0.01)
            assert [exchange.outcome for exchange in door.ended] == ["error"]

    run(main())
