"""RFC 6455 with raw bytes on a socket: each rule that a peer can break, and what it is told."""

import asyncio
import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.net.websocket import MOST_CONTROLS, text_frame
from penstock.process.loop import run
from tests.support.socket_bench import (
    BINARY,
    CLOSE,
    CONTINUED,
    PING,
    PONG,
    TEXT,
    Bench,
    answers,
    bench,
    refused,
    with_caller,
)  # fmt: skip
from tests.support.socket_caller import ACCEPT, SocketCaller, closing, frame, text

LOCAL_OR_RESERVED = (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000)


# ---- what is in order


def test_the_handshake_opens_it() -> None:
    async def act(caller: SocketCaller, made: Bench) -> None:
        assert caller.head.startswith(b"HTTP/1.1 101 ")
        assert f"sec-websocket-accept: {ACCEPT}".encode() in caller.head
        assert made.door.server.open == made.door.server.busy == 1

    with_caller(act)


def test_what_comes_with_the_handshake_is_not_lost() -> None:
    async def main() -> None:
        async with bench() as made:
            caller = await made.dial(behind=text("early"))
            assert await caller.frame() == (TEXT, b"early")
            caller.leave()

    run(main())


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 100_000])
def test_messages_of_every_length_of_length(size: int) -> None:
    answers(frame(TEXT, b"x" * size), (TEXT, b"x" * size))


def test_a_message_in_fragments_with_a_ping_between() -> None:
    sent = (
        frame(TEXT, b"Hel", fin=False) + frame(PING, b"?") + frame(CONTINUED, b"", fin=False) + frame(CONTINUED, b"lo")
    )
    answers(sent, (PONG, b"?"), (TEXT, b"Hello"))


def test_a_character_may_be_cut_by_fragments() -> None:
    euro = "€".encode()
    answers(frame(TEXT, euro[:1], fin=False) + frame(CONTINUED, euro[1:]), (TEXT, euro))


def test_each_byte_may_come_alone() -> None:
    async def act(caller: SocketCaller, made: Bench) -> None:
        for byte in frame(PING, b"abc") + text("hello €"):
            caller.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await caller.frame() == (PONG, b"abc")
        assert await caller.frame() == (TEXT, "hello €".encode())

    with_caller(act)


def test_a_pong_that_nobody_asked_for_is_nothing() -> None:
    answers(frame(PONG, b"so") + text("x"), (TEXT, b"x"))


@pytest.mark.parametrize("payload", [b"", b"x" * 125])
def test_a_ping_gets_its_payload_back(payload: bytes) -> None:
    answers(frame(PING, payload), (PONG, payload))


# ---- what breaks a rule (the code says which)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(frame(TEXT, b"x", masked=False), id="unmasked"),
        pytest.param(frame(TEXT, b"x", reserved=4), id="reserved bit 1"),
        pytest.param(frame(TEXT, b"x", reserved=2), id="reserved bit 2"),
        pytest.param(frame(PING, b"x", reserved=1), id="reserved bit 3"),
        *(pytest.param(frame(code, b"x"), id=f"opcode {code}") for code in (3, 7, 11, 15)),
        pytest.param(frame(PING, b"x", fin=False), id="control in fragments"),
        pytest.param(frame(PING, b"x" * 126), id="control too long"),
        pytest.param(frame(CONTINUED, b"x"), id="continues nothing"),
        pytest.param(frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), id="new message within another"),
        pytest.param(b"\x81\xfe\x00\x05" + frame(TEXT, b"hello")[2:], id="length longer than need be"),
        pytest.param(b"\x81\xff" + b"\x00" * 7 + b"\x05" + frame(TEXT, b"hello")[2:], id="64 bits of length"),
        pytest.param(b"\x81\xff" + b"\xff" * 8 + b"\0" * 4, id="length beyond 63 bits"),
        pytest.param(frame(CLOSE, b"\x03"), id="half a close code"),
        *(pytest.param(closing(code), id=f"close {code}") for code in LOCAL_OR_RESERVED),
    ],
)  # fmt: skip
def test_frames_against_the_protocol_end_it_with_1002(sent: bytes) -> None:
    refused(sent, 1002)


@pytest.mark.parametrize(
    "bad", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ok\xe2\x82"],
    ids=["no start", "overlong", "surrogate", "beyond unicode", "cut"],
)  # fmt: skip
def test_bad_utf8_ends_it_with_1007(bad: bytes) -> None:
    refused(frame(TEXT, bad), 1007)


def test_bad_utf8_is_found_before_the_message_is_whole() -> None:
    refused(frame(TEXT, b"ok", fin=False) + frame(CONTINUED, b"\xff", fin=False), 1007)


def test_a_close_reason_must_be_utf8_too() -> None:
    refused(closing(1000, b"\xff"), 1007)


def test_a_binary_message_ends_it_with_1003() -> None:
    refused(frame(BINARY, b"x"), 1003)


@pytest.mark.parametrize(
    "sent",
    [
        frame(TEXT, b"x" * 1025),
        frame(TEXT, b"x" * 800, fin=False) + frame(CONTINUED, b"x" * 800),
        struct.pack("!BBQ4s", 0x81, 0xFF, 1 << 40, b"\0\0\0\0") + b"x" * 4096,  # announced alone would be enough
    ],
)
def test_a_message_that_is_too_large_ends_it_with_1009(sent: bytes) -> None:
    refused(sent, 1009, max_message=1024)


def test_a_full_gateway_takes_no_message_with_1013() -> None:
    refused(frame(TEXT, b"x" * 600), 1013, room=512)


def test_what_waits_for_its_end_is_counted() -> None:
    async def act(caller: SocketCaller, made: Bench) -> None:
        caller.send(frame(TEXT, b"x" * 600, fin=False))
        await made.door.until(lambda: made.room.held == 600)

    with_caller(act)


def test_a_flood_of_pings_ends_it_with_1008() -> None:
    async def act(caller: SocketCaller, made: Bench) -> None:
        caller.send(frame(PING) * (MOST_CONTROLS + 1))
        for _ in range(MOST_CONTROLS):
            assert await caller.frame() == (PONG, b"")
        assert await caller.closed() == 1008

    with_caller(act)


def test_nothing_after_the_fault_is_taken() -> None:
    refused(frame(TEXT, b"x", masked=False) + text("y"), 1002)


@given(st.binary(max_size=400))
def test_no_bytes_do_more_than_end_it(noise: bytes) -> None:
    async def act(caller: SocketCaller, made: Bench) -> None:
        caller.send(noise)
        caller.writer.write_eof()
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionResetError):
                await caller.reader.read()

    with_caller(act)


@given(st.integers(0, 70_000))
def test_text_frames_are_as_the_rfc_draws_them(size: int) -> None:
    assert text_frame(b"x" * size) == frame(1, b"x" * size, masked=False)
