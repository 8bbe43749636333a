import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.tasks import Crew
from penstock.process import link as module
from penstock.process.link import Answers, Link, LinkError, link_over

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@contextlib.asynccontextmanager
async def linked(ours: Answers, theirs: Answers) -> AsyncIterator[tuple[Link, Link]]:
    left, right = socket.socketpair()
    crew = Crew("test")
    try:
        yield (await link_over(left, ours, crew))[0], (await link_over(right, theirs, crew))[0]
    finally:
        await crew.aclose()


async def twice(value: Any) -> Any:
    return [value, value]


async def never(value: Any) -> Any:
    await asyncio.get_running_loop().create_future()


async def broken(value: Any) -> Any:
    raise ValueError("out of order")


@settings(max_examples=30, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=5))
def test_both_sides_ask_and_each_answer_finds_its_question(values: list[Any]) -> None:
    async def later(value: Any) -> Any:  # answers come in another order than the questions
        await asyncio.sleep(0.001 * (value[0] % 3))
        return value

    async def main() -> None:
        async with linked({"twice": twice}, {"later": later}) as (left, right):
            answers = await asyncio.gather(*(left.ask("later", [n, value]) for n, value in enumerate(values)))
            assert answers == [[n, value] for n, value in enumerate(values)]
            assert await right.ask("twice", values) == [values, values]

    asyncio.run(main())


def test_what_fails_there_is_a_link_error_here(caplog: pytest.LogCaptureFixture) -> None:
    async def unspeakable(value: Any) -> Any:
        return object()

    async def main() -> None:
        async with linked({}, {"broken": broken, "unspeakable": unspeakable, "never": never, "twice": twice}) as (
            left,
            _,
        ):
            for name, words in (
                ("broken", "broken: out of order"),
                ("unspeakable", "unspeakable: Encoding objects of type object is unsupported"),
                ("absent", "absent: there is no such question"),
            ):
                with pytest.raises(LinkError, match=f"^{words}$"):
                    await left.ask(name)
            with pytest.raises(LinkError, match=r"^never: no answer within 0\.01 s$"):
                await left.ask("never", within=0.01)
            assert await left.ask("twice", 1) == [1, 1]
            assert repr(left) == "<Link open, 0 questions out>"

    with caplog.at_level(logging.CRITICAL, "penstock"):
        asyncio.run(main())


def test_an_answer_that_comes_too_late_is_dropped() -> None:
    async def main() -> None:
        gate = asyncio.Event()

        async def slow(value: Any) -> Any:
            await gate.wait()
            return "late"

        async with linked({}, {"slow": slow, "twice": twice}) as (left, _):
            with pytest.raises(LinkError):
                await left.ask("slow", within=0.01)
            gate.set()
            assert await left.ask("twice", 2) == [2, 2]

    asyncio.run(main())


def test_when_the_other_side_goes_who_waits_is_told_and_run_ends() -> None:
    async def main() -> None:
        left, right = socket.socketpair()
        crew = Crew("test")
        link, reading = await link_over(left, {}, crew)
        asking = asyncio.ensure_future(link.ask("anything"))
        await asyncio.sleep(0)
        right.close()
        with pytest.raises(LinkError, match="gone"):
            await asking
        await reading
        assert link.closed
        with pytest.raises(LinkError, match="anything: the other side is gone"):
            await link.ask("anything")
        await crew.aclose()

    asyncio.run(main())


JUNK = [
    b"hello\n", b"[]\n", b"7\n", b"{}\n", b'{"n":"1"}\n', b'{"n":1,"ask":7}\n', b"\n", b"\xff\xfe\n",
    b'{"n":1,"ask":"twice","value":' + b"[" * 9000 + b"\n", b"x" * 12_000,
]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_junk_ends_the_link_and_nothing_else(junk: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 10_000)

    async def main() -> None:
        left, right = socket.socketpair()
        crew = Crew("test")
        link, reading = await link_over(left, {"twice": twice}, crew)
        right.sendall(junk)
        await asyncio.wait_for(reading, 2)  # ends by itself, and without an exception
        assert link.closed
        assert await asyncio.to_thread(right.recv, 10) == b""
        right.close()
        await crew.aclose()

    asyncio.run(main())


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_comes_the_reader_ends_without_an_exception(junk: bytes) -> None:
    async def main() -> None:
        left, right = socket.socketpair()
        crew = Crew("test")
        _, reading = await link_over(left, {"twice": twice}, crew)
        right.sendall(junk)
        right.close()
        await asyncio.wait_for(reading, 2)
        await crew.aclose()

    asyncio.run(main())


def test_a_line_too_long_to_send_fails_its_question_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(logging.getLogger("penstock"), "disabled", True)

    async def main() -> None:
        async with linked({}, {"twice": twice}) as (left, _):
            with pytest.raises(LinkError, match="are too many"):
                await left.ask("twice", "x" * 1000)
            with pytest.raises(LinkError, match=r"twice: .* are too many"):
                await left.ask("twice", "x" * 600)
            assert await left.ask("twice", "x") == ["x", "x"]

    asyncio.run(main())
