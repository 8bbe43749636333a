import asyncio

from penstock.demo.asking import Answer, ask, chat, percentile
from penstock.demo.server.service import Costs, Server, words


def test_words_are_noted_as_they_come_and_what_fails_is_an_answer() -> None:
    async def play() -> None:
        server = Server(Costs(first=0.0, gap=0.001, slots=2))
        async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            seen: list[int] = []
            stream = await chat(port, "why", words=5, on_word=lambda so_far: seen.append(len(so_far.stamps)))
            assert stream.well
            assert stream.text == "".join(words("why", 5))
            assert seen == [1, 2, 3, 4, 5]
            assert stream.first == stream.stamps[0] <= stream.seconds
            whole = await chat(port, "why", words=5, stream=False)
            assert whole.text == stream.text
            assert whole.first == whole.seconds
            models = await ask(port, "GET", "/v1/models")
            assert models.value()["data"][0]["id"] == "demo"
            dead = port
        nobody = await ask(dead, "GET", "/health")
        assert (nobody.status, nobody.well) == (0, False)

    asyncio.run(play())


def test_a_stream_without_its_end_is_not_well() -> None:
    assert not Answer(200, text="half").well


def test_percentiles() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0], 1.0) == 3.0
    assert percentile([], 0.5) == 0.0
