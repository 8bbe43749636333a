import json
import re

import pytest

from bench.coalesce import EVENTS, TEXT, Caller, Seen, events, measure, problems
from penstock.process.loop import run


def test_events_say_the_text_and_end() -> None:
    chunks = events()
    assert len(chunks) == EVENTS + 2
    data = b"".join(chunk.partition(b"\r\n")[2] for chunk in chunks)
    told = [json.loads(line[6:]) for line in data.splitlines() if line.startswith(b"data: {")]
    assert "".join(one["choices"][0]["delta"].get("content", "") for one in told) == TEXT


def test_a_caller_knows_whether_it_got_all() -> None:
    async def main() -> None:
        stream, whole = Caller(True), Caller(False)
        head = b"HTTP/1.1 200 OK\r\n\r\n"
        stream.parts = [head, *events()]
        assert stream.whole()
        stream.parts = [head, *events()[:-1]]
        assert not stream.whole()
        whole.parts = [head, b'{"choices":[{"finish_reason":"stop","message":{"content":"%b"}}]}' % TEXT.encode()]
        assert whole.whole()
        whole.parts = [re.sub(rb"200", b"503", part) for part in whole.parts]
        assert not whole.whole()

    run(main())


def test_what_is_not_as_it_should_be_is_said() -> None:
    assert problems(Seen(callers=9, whole=9, upstream_calls=1), dies=False) == []
    assert problems(Seen(callers=9, whole=8, upstream_calls=2), dies=False) == [
        "1 of 9 did not get all", "2 upstream calls",
    ]  # fmt: skip
    assert problems(Seen(callers=9, whole=9, upstream_calls=2), dies=True) == []


@pytest.mark.slow
@pytest.mark.parametrize("dies", [False, True])
def test_a_small_herd_is_one_call_and_everybody_whole(dies: bool) -> None:
    assert problems(measure(60, 2.0, dies=dies), dies=dies) == []
