import asyncio
import base64
import re
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from penstock.core.errors import UpstreamError
from penstock.net.client import Origin
from penstock.net.reach import Patience, Reach
from penstock.net.tls import client_context
from penstock.net.tunnel import connect_head, proxy_key
from tests.net.caller import settled
from tests.net.upstream import HEAD, Line, Upstream, echo_ok, origin_of, scripted
from tests.support.loops import run

PATIENCE = Patience(connect=20.0, head=20.0, idle=20.0)


def proxying(ports: dict[bytes, int]) -> Callable[[Line], Awaitable[None]]:
    """An HTTP proxy that tunnels to 127.0.0.1, and knows the port of each name."""

    async def script(line: Line) -> None:
        asked = await line.request()
        match = re.match(rb"CONNECT (\S+):(\d+) HTTP/1\.1\r\nhost: \1:\2\r\n", asked)
        assert match, asked
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[match[1]])
        line.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(pump(line.reader, writer), pump(reader, line.writer))
        finally:
            writer.close()

    return script


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


def play(
    scene: Callable[[Origin, Upstream, Upstream], Awaitable[None]],
    host: str = "models.example",
    tls: Any = (None, None),
) -> None:
    async def main() -> None:
        ports: dict[bytes, int] = {}
        async with asyncio.timeout(10), scripted(echo_ok, tls=tls[0]) as upstream, scripted(proxying(ports)) as proxy:
            ports[f"[{host}]".encode() if ":" in host else host.encode()] = upstream.port
            async with origin_of(Reach(host, upstream.port, tls=tls[1], proxy=("127.0.0.1", proxy.port))) as origin:
                await scene(origin, upstream, proxy)

    run(main())


async def answers(origin: Origin, upstream: Upstream, proxy: Upstream) -> None:
    for _ in range(3):
        assert (await origin.request(HEAD, b"{}", PATIENCE)).body == b"ok"
    assert upstream.connections == proxy.connections == 1


def test_a_proxy_is_shown_the_credentials_in_its_url() -> None:
    assert proxy_key("http://proxy:3128") == b""
    assert proxy_key("http://me:p%40ss@proxy:3128") == b"Basic " + base64.b64encode(b"me:p@ss")
    head = connect_head(b"models.example:443", proxy_key("http://me@proxy"))
    assert head == (
        b"CONNECT models.example:443 HTTP/1.1\r\nhost: models.example:443\r\nproxy-authorization: Basic bWU6\r\n\r\n"
    )


@pytest.mark.parametrize("host", ["models.example", "2001:db8::7"])
def test_a_tunnel(host: str) -> None:
    play(answers, host)


def test_a_tunnel_with_tls_inside(tmp_path: Path) -> None:
    ca = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("models.example").configure_cert(server)
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    play(answers, tls=(server, client_context(str(tmp_path / "ca.pem"))))


def test_the_certificate_is_verified_inside_a_tunnel() -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("models.example").configure_cert(server)

    async def scene(origin: Origin, upstream: Upstream, proxy: Upstream) -> None:
        with pytest.raises(UpstreamError) as raised:
            await origin.request(HEAD, b"{}", PATIENCE)
        assert raised.value.phase == "tls"
        assert not upstream.requests

    play(scene, tls=(server, client_context()))


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", 502, "answered 407"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", 502, "answered 502"),
        (b"nonsense\r\n\r\n", 502, "answered"),
        (b"a" * 20_000, 502, "answered"),
        (b"", 502, ""),
        (None, 504, "within"),
    ],
)
def test_a_proxy_that_refuses(said: bytes | None, status: int, words: str) -> None:
    async def script(line: Line) -> None:
        await line.request()
        if said is None:
            await line.hang_up_seen()
        else:
            line.send(said)

    async def main() -> None:
        async with scripted(script) as proxy:
            async with origin_of(Reach("models.example", 443, proxy=("127.0.0.1", proxy.port))) as origin:
                with pytest.raises(UpstreamError) as raised:
                    await origin.request(HEAD, b"{}", Patience(connect=0.2))
                assert (raised.value.status, raised.value.phase) == (status, "connect")
                assert words in raised.value.message
                assert "'up'" in raised.value.message
                assert origin.open == 0

    run(main())


def test_cancelling_while_the_proxy_thinks() -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.hang_up_seen()

    async def main() -> None:
        async with scripted(script) as proxy:
            async with origin_of(Reach("models.example", 443, proxy=("127.0.0.1", proxy.port))) as origin:
                asking = asyncio.ensure_future(origin.request(HEAD, b"{}", PATIENCE))
                await settled(lambda: len(proxy.requests) == 1)
                asking.cancel()
                async with asyncio.timeout(10):
                    await proxy.left.wait()

    run(main())
