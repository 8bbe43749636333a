import asyncio
import json
from typing import Any

from penstock.demo.server.service import Costs, Server, main, vector, words
from tests.support.sockets import ask

FAST = Costs(first=0.0, gap=0.0, call=0.0, item=0.0, slots=2)
JSON = [("Content-Type", "application/json")]


def play(*bodies: tuple[str, dict[str, Any]]) -> list[Any]:
    async def run() -> list[Any]:
        server = Server(FAST)
        async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            answers = [await ask(port, "POST", path, JSON, json.dumps(body).encode()) for path, body in bodies]
            answers.append(await ask(port, "GET", "/asked"))
            return answers

    return asyncio.run(run())


def chat(question: str, said: str = "", **more: Any) -> tuple[str, dict[str, Any]]:
    messages = [{"role": "user", "content": question}]
    if said:
        messages.append({"role": "assistant", "content": said})
    return "/v1/chat/completions", {"model": "demo", "messages": messages, **more}


def streamed(body: bytes) -> str:
    events = [line[6:] for line in body.decode().splitlines() if line.startswith("data: {")]
    deltas = [one["delta"] for event in events for one in json.loads(event)["choices"]]
    return "".join(delta.get("content", "") for delta in deltas)


def test_a_question_has_one_answer_whole_or_as_a_stream_or_continued() -> None:
    said = "".join(words("why", 3))
    whole, stream, rest, asked = play(
        chat("why", max_tokens=8), chat("why", max_tokens=8, stream=True), chat("why", said, max_tokens=5, stream=True)
    )
    right = "".join(words("why", 8))
    assert whole.json()["choices"][0]["message"]["content"] == right
    assert whole.json()["usage"]["completion_tokens"] == 8
    assert streamed(stream.body) == right
    assert stream.body.endswith(b"data: [DONE]\n\n")
    assert said + streamed(rest.body) == right
    assert asked.json() == {"asked": 3}
    assert words("why", 8) != words("why not", 8)


def test_what_is_embedded_depends_on_the_text_alone() -> None:
    answer, _ = play(("/v1/embeddings", {"model": "demo", "input": ["a", "b"]}))
    assert [one["embedding"] for one in answer.json()["data"]] == [vector("a"), vector("b")]


def test_nonsense_ends_the_connection_and_nothing_else() -> None:
    async def run() -> None:
        async with await asyncio.start_server(Server(FAST).serve, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            for nonsense in (b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n", b"\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n{"):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(nonsense)
                async with asyncio.timeout(5):
                    assert await reader.read() == b""
                writer.close()
            assert (await ask(port, "GET", "/health")).status == 200

    asyncio.run(run())


def test_it_asks_for_a_port() -> None:
    import pytest

    with pytest.raises(SystemExit):
        main([])
