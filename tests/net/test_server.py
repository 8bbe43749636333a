import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trustme

from penstock.core.errors import GatewayError
from penstock.net.server import SEND_BUFFER_BYTES, bind
from tests.net.caller import Caller, calling, settled
from tests.net.probes import get, post
from tests.support.gateway import ECHO, Running, running_gateway
from tests.support.loops import run

Scene = Callable[[Running], Awaitable[None]]


def play(scene: Scene, config: str) -> None:
    async def main() -> None:
        async with running_gateway(config) as gateway:
            await scene(gateway)

    run(main())


async def served(caller: Caller) -> None:
    caller.got.clear()
    caller.send(get())
    await caller.until(b'"status":"ok"')


@pytest.mark.parametrize("name", ["max_connections", "max_connections_per_peer"])
def test_one_connection_too_many_is_dropped(name: str) -> None:
    async def scene(gateway: Running) -> None:
        server = gateway.gateway.server
        async with calling(gateway.port) as first:
            async with calling(gateway.port) as second:
                await served(first)
                await served(second)
                async with calling(gateway.port) as third:
                    third.send(get())
                    assert await third.closed() == []
                await served(first)
                assert server.refused_connections == 1
            await settled(lambda: server.open == 1)
            async with calling(gateway.port) as fourth:
                await served(fourth)
        await settled(lambda: server.open == 0)
        assert server._peers == {}

    play(scene, ECHO + f"listen: {{{name}: 2}}\n")


def test_stopping_ends_idle_connections_and_no_busy_one() -> None:
    slow = "upstreams: {echo: {kind: echo, tokens_per_second: 50}}\nmodels: {echo: {upstreams: [echo]}}\n"
    body = b'{"model":"echo","stream":true,"messages":[{"role":"user","content":"one two three four"}]}'

    async def scene(gateway: Running) -> None:
        server = gateway.gateway.server
        async with calling(gateway.port) as idle, calling(gateway.port) as busy:
            await served(idle)
            key = gateway.key.encode()
            busy.send(post(b"Content-Length: %d" % len(body), body=body).replace(b"KEY", key))
            await busy.until(b"one")
            server.stop_accepting()
            assert len(await idle.closed()) == 1
            (answer,) = await busy.closed()
            assert answer.whole
            assert answer.body.endswith(b"data: [DONE]\n\n")

    play(scene, slow)


def test_ending_all_tells_each_stream_why() -> None:
    slow = "upstreams: {echo: {kind: echo, tokens_per_second: 1}}\nmodels: {echo: {upstreams: [echo]}}\n"
    body = b'{"model":"echo","stream":true,"messages":[{"role":"user","content":"one two three four"}]}'

    async def scene(gateway: Running) -> None:
        async with calling(gateway.port) as caller:
            key = gateway.key.encode()
            caller.send(post(b"Content-Length: %d" % len(body), body=body).replace(b"KEY", key))
            await caller.until(b"one")
            gateway.gateway.server.end_all(GatewayError("the end", code="gateway_stopping"))
            (answer,) = await caller.closed()
            assert answer.whole
            assert b"gateway_stopping" in answer.body

    play(scene, slow)


def test_bind_bounds_what_the_kernel_swallows() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * SEND_BUFFER_BYTES
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        with pytest.raises(OSError, match="in use"):
            bind("127.0.0.1", listener.getsockname()[1])


# ---- TLS


@pytest.fixture
def authority(tmp_path: Path) -> tuple[trustme.CA, str]:
    ca = trustme.CA()
    cert = ca.issue_cert("localhost")
    cert.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for number, pem in enumerate(cert.cert_chain_pems):
        pem.write_to_path(str(tmp_path / "cert.pem"), append=number > 0)
    tls = f"tls: {{cert: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}"
    return ca, ECHO + f"listen: {{{tls}, first_byte_timeout: 300ms}}\n"


def trusting(ca: trustme.CA, *protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


@pytest.mark.parametrize(
    ("offered", "chosen"), [(["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"), (["h2"], None), ([], None)]
)
def test_tls_speaks_http_1(authority: tuple[trustme.CA, str], offered: list[str], chosen: str | None) -> None:
    ca, config = authority

    async def scene(gateway: Running) -> None:
        context = trusting(ca, *offered)
        async with calling(gateway.port, ssl=context, server_hostname="localhost") as caller:
            assert caller.writer.get_extra_info("ssl_object").selected_alpn_protocol() == chosen
            await served(caller)
            await served(caller)
            caller.send(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"a" * 50_000
            )
            await caller.until(b"missing_api_key")

    play(scene, config)


def test_tls_refuses_old_versions(authority: tuple[trustme.CA, str]) -> None:
    ca, config = authority

    async def scene(gateway: Running) -> None:
        context = trusting(ca)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with calling(gateway.port, ssl=context, server_hostname="localhost"):
                pass

    play(scene, config)


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01", get(), b"\0" * 100], ids=["silence", "half", "http", "garbage"])
def test_who_does_not_finish_the_handshake_is_dropped(authority: tuple[trustme.CA, str], said: bytes) -> None:
    ca, config = authority

    async def scene(gateway: Running) -> None:
        async with calling(gateway.port) as caller:
            caller.send(said)
            async with asyncio.timeout(3):
                while await caller.more():
                    pass
        assert b"HTTP/1.1 200" not in caller.got
        async with calling(gateway.port, ssl=trusting(ca), server_hostname="localhost") as caller:
            await served(caller)

    play(scene, config)
