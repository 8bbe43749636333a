import asyncio
import contextlib

import pytest

from penstock.net.loop.base import Base, plain
from penstock.net.loop.event_loop import EventLoop


def test_who_is_told_may_change() -> None:
    first, second = asyncio.Protocol(), asyncio.BufferedProtocol()
    with contextlib.closing(EventLoop()) as loop:
        base = Base(loop._turns, first)
        assert base.get_protocol() is first
        base.set_protocol(second)
        assert base.get_protocol() is second


def test_what_is_written_is_ours() -> None:
    data = bytearray(b"abc")
    ours = plain(data)
    data[0] = 0
    assert ours == b"abc"
    whole = b"abc"
    assert plain(whole) is whole
    assert plain(memoryview(whole)[1:]) == b"bc"
    with pytest.raises(TypeError):
        plain("abc")
