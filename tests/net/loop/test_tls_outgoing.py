import asyncio
import ssl
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.net.loop.pairs import Noting, connected, until
from tests.net.loop.secured import Contexts, both
from tests.support.loops import run


@given(sizes=st.lists(st.one_of(st.integers(0, 70_000), st.lists(st.integers(0, 20_000), max_size=4)), max_size=12))
@settings(max_examples=25, deadline=None)
def test_all_arrives_in_order(contexts: Contexts, sizes: list[int | list[int]]) -> None:
    async def main() -> None:
        server, client = Noting(), Noting()
        _, made = await both(contexts, server, client, 8192)
        sent = bytearray()

        def piece(size: int) -> bytes:
            data = bytes((len(sent) + n) % 251 for n in range(size))
            sent.extend(data)
            return data

        for size in sizes:
            if isinstance(size, int):
                made.write(piece(size))
            else:
                made.writelines([piece(one) for one in size])
        made.close()
        assert await server.lost is None
        assert await client.lost is None
        assert server.got == sent

    run(main())


def test_what_may_be_written(contexts: Contexts) -> None:
    async def main() -> None:
        server, client = Noting(), Noting()
        _, made = await both(contexts, server, client)
        for nothing in (b"", bytearray()):
            made.write(nothing)
        made.write(memoryview(b"view"))
        for wrong in ("text", 5, None):
            with pytest.raises(TypeError):
                made.write(wrong)
        assert not made.can_write_eof()
        with pytest.raises(NotImplementedError):
            made.write_eof()
        made.close()
        await server.lost
        assert server.got == b"view"

    run(main())


def test_its_marks_are_those_of_what_is_below(contexts: Contexts) -> None:
    async def main() -> None:
        server, client = Noting(), Noting()
        accepted, made = await both(contexts, server, client, 4096)
        made.set_write_buffer_limits(1000)
        assert made.get_write_buffer_limits() == (250, 1000)
        accepted.pause_reading()
        made.write(b"x" * 200_000)
        assert made.get_write_buffer_size() > 1000
        assert client.told == ["made", "pause"]
        accepted.resume_reading()
        await until(lambda: client.told == ["made", "pause", "resume"])
        await until(lambda: made.get_write_buffer_size() == 0)
        made.close()
        await server.lost

    run(main())


def test_what_is_written_before_the_handshake_comes_behind_it(contexts: Contexts) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        first, second = Noting(), Noting()
        raw, peer = await connected(first)
        waiting = loop.create_task(loop.start_tls(raw, first, contexts[0], server_side=True))
        await asyncio.sleep(0)
        early: Any = raw.get_protocol()
        early.write(b"early ")
        early.write(b"words")
        assert early.get_write_buffer_size() == 11
        assert early.get_extra_info("peercert", "unknown") == "unknown"
        transport, _ = await loop.create_connection(
            lambda: second, sock=peer, ssl=contexts[1], server_hostname="localhost"
        )
        await waiting
        await until(lambda: second.got == b"early words")
        transport.close()
        await first.lost

    run(main())


def test_what_is_known_of_it(contexts: Contexts) -> None:
    async def main() -> None:
        server, client = Noting(), Noting()
        accepted, made = await both(contexts, server, client)
        assert made.get_extra_info("sslcontext") is contexts[1]
        assert isinstance(made.get_extra_info("ssl_object"), ssl.SSLObject)
        assert made.get_extra_info("peercert")["subjectAltName"] == (("DNS", "localhost"),)
        assert made.get_extra_info("cipher") == accepted.get_extra_info("cipher")
        assert made.get_extra_info("compression") is None
        assert made.get_extra_info("peername") == accepted.get_extra_info("sockname")
        assert made.get_extra_info("what", 7) == 7
        assert made.get_protocol() is client
        other = Noting()
        made.set_protocol(other)
        accepted.write(b"x")
        await until(lambda: other.got == b"x")
        made.close()
        assert await other.lost is None
        await server.lost

    run(main())
