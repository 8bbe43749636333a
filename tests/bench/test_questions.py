"""The rig itself: what is right is told right, and what is not is found out."""

import asyncio
import json
from dataclasses import replace

import pytest

from bench.questions import NOTHING, Told, ask, fault, right, upstream
from penstock.process.loop import run


def told(text: str, *, ended: bool = True, status: int = 200) -> Told:
    return replace(NOTHING, status=status, text=text, ended=ended)


def test_each_question_has_an_answer_of_its_own() -> None:
    answers = {right(str(number)) for number in range(1000)}
    assert len(answers) == 1000
    assert len({len(answer) for answer in answers}) > 10
    assert right("a") == right("a")


def test_what_is_not_the_right_answer_whole_is_a_fault() -> None:
    whole = right("a")
    assert fault(told(whole), "a") == ""
    assert "WRONG" in fault(told(right("b")), "a")
    assert "WRONG" in fault(told(whole[:-9]), "a")
    assert "WRONG" in fault(told(""), "a")
    assert "cut" in fault(told(whole[:-9], ended=False), "a")
    assert "WRONG" not in fault(told(whole[:-9], ended=False), "a")
    assert "WRONG" in fault(told(right("b")[:9], ended=False), "a")
    assert "503" in fault(told("", status=503), "a")
    assert "status 0" in fault(NOTHING, "a")


@pytest.mark.parametrize("stream", [False, True])
def test_the_upstream_tells_right_answers_and_counts(stream: bool) -> None:
    async def main() -> None:
        async with upstream() as (port, asked):
            those = await asyncio.gather(*(ask(port, f"q{number}", stream=stream) for number in range(20)))
            assert [fault(one, f"q{number}") for number, one in enumerate(those)] == [""] * 20
            assert asked.total() == 20
            assert not those[0].hit
            assert those[0].worker == -1

    run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_half_an_answer_is_cut(stream: bool) -> None:
    async def main() -> None:
        async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            event = json.dumps({"choices": [{"delta": {"content": right("q")[:20]}}]}).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nx-request-id: req_3xab-1\r\n\r\n"
                + (b"data: %b\n\n" % event)[: None if stream else 30]
            )
            writer.close()

        server = await asyncio.start_server(half, "127.0.0.1", 0)
        one = await ask(server.sockets[0].getsockname()[1], "q", stream=stream)
        server.close()
        assert not one.ended
        assert one.worker == 3
        assert one.text == (right("q")[:20] if stream else "")
        assert "cut" in fault(one, "q")
        assert await ask(1, "q") == NOTHING

    run(main())
