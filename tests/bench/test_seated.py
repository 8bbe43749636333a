import asyncio

from bench.seated import Seated
from tests.support.sockets import ask

BODY = {"model": "m", "messages": []}


def test_so_many_are_served_at_once_and_the_others_wait() -> None:
    async def main() -> None:
        engine = Seated(2, 0.01, 0.1)
        await engine.start()
        loop = asyncio.get_running_loop()
        began = loop.time()
        calls = [asyncio.ensure_future(ask(engine.port, "POST", "/v1/chat/completions", (), BODY)) for _ in range(6)]
        while engine.running < 2:  # noqa: ASYNC110 - has no event of its own
            await asyncio.sleep(0.001)
        assert engine.running == 2
        answers = await asyncio.gather(*calls)
        assert loop.time() - began >= 3 * 0.05
        assert [answer.status for answer in answers] == [200] * 6
        assert engine.served == 6
        assert engine.running == 0
        streamed = await ask(engine.port, "POST", "/v1/chat/completions", (), {**BODY, "stream": True})
        assert b"data: [DONE]" in streamed.body
        await engine.aclose()

    asyncio.run(main())


def test_who_hangs_up_gives_the_seat_back() -> None:
    async def main() -> None:
        engine = Seated(1, 0.01, 30.0)
        await engine.start()
        writers = []
        for _ in range(2):
            _, writer = await asyncio.open_connection("127.0.0.1", engine.port)
            writer.write(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
            writers.append(writer)
            async with asyncio.timeout(5):
                while engine.running + len(engine.waiting) < len(writers):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.001)
        for writer in writers:
            writer.close()
        async with asyncio.timeout(5):
            while engine.running or engine.waiting:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.001)
        await engine.aclose()

    asyncio.run(main())
