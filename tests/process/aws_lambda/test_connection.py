"""Requests over a real connection, and peers that misbehave."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import h11
import pytest

from penstock.process.aws_lambda.connection import Connection


def _played(answer: bytes, use: Callable[[Connection], Awaitable[None]]) -> bytes:
    """Let ``use`` talk to a peer that says ``answer``; what it heard."""

    async def main() -> bytes:
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answer)
            writer.write_eof()
            said = b""
            with contextlib.suppress(ConnectionError):  # a peer that leaves with our answer unread
                said = await reader.read()
                writer.close()
                await writer.wait_closed()
            heard.set_result(said)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        connection = await Connection.open("127.0.0.1", server.sockets[0].getsockname()[1])
        try:
            await use(connection)
        finally:
            connection.close()
            server.close()
        return await asyncio.wait_for(heard, 5)

    return asyncio.run(main())


def test_a_request_and_its_answer_after_which_it_may_be_asked_again() -> None:
    async def use(connection: Connection) -> None:
        for body in (b"one", b"two"):
            await connection.ask("POST", "/x", "there", [("a", "1")], b"hi")
            assert (await connection.head())[0] == 200
            assert await connection.body() == body
            assert connection.again()

    answers = b"".join(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n" + body for body in (b"one", b"two"))
    heard = _played(answers, use)
    assert heard.count(b"POST /x HTTP/1.1\r\nhost: there\r\ncontent-length: 2\r\na: 1\r\n\r\nhi") == 2


def test_a_body_in_pieces_and_what_follows_it() -> None:
    async def use(connection: Connection) -> None:
        await connection.begin("/x", "there", [])
        await connection.push(b"ab")
        assert not connection.again()
        await connection.end([("why", "not")])

    assert _played(b"", use).endswith(b"2\r\nab\r\n0\r\nwhy: not\r\n\r\n")


def test_an_answer_that_breaks_off_is_an_error() -> None:
    async def use(connection: Connection) -> None:
        await connection.ask("GET", "/", "there", [])
        await connection.head()
        assert await connection.piece() == b"on"
        with pytest.raises(ConnectionResetError, match="broke off"):
            await connection.piece()

    _played(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\non", use)


def test_a_peer_that_closes_unasked_is_an_error() -> None:
    async def use(connection: Connection) -> None:
        await connection.ask("GET", "/", "there", [])
        with pytest.raises(ConnectionResetError, match="broke off"):
            await connection.head()

    _played(b"", use)


@pytest.mark.parametrize("field", [("a\r\nb", "1"), ("a", "1\r\nb: 2")])
def test_fields_that_would_become_others_are_refused(field: tuple[str, str]) -> None:
    async def use(connection: Connection) -> None:
        with pytest.raises(h11.LocalProtocolError):
            await connection.ask("GET", "/", "there", [field])

    assert _played(b"", use) == b""
