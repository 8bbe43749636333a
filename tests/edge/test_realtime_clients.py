"""``/v1/realtime`` with real WebSocket peers on both sides, through TLS and a proxy too."""

import asyncio
import json
import re
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import websockets
from websockets.asyncio.server import Server, ServerConnection, serve

from penstock.process.loop import run
from tests.net.upstream import Line, scripted
from tests.support.gateway import Running, running_gateway
from tests.support.realtime import CONFIG, row_of, until_clean


async def echoing(socket: ServerConnection) -> None:
    """Greets as OpenAI does, then says each message back."""
    await socket.send(json.dumps({"type": "session.created", "event_id": "e1", "session": {"type": "realtime"}}))
    async for message in socket:
        await socket.send(message)


def port_of(server: Server) -> int:
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


def with_echo(act: Callable[[Running], Awaitable[None]], more: str = "", **options: Any) -> None:
    async def main() -> None:
        async with serve(echoing, "127.0.0.1", 0, **{"subprotocols": ["realtime"], **options}) as server:
            async with running_gateway(CONFIG.format(port=port_of(server)) + more) as gateway:
                await act(gateway)
                await until_clean(gateway)

    run(main())


def connect(gateway: Running, scheme: str = "ws", **options: Any) -> Any:
    """As a browser does it."""
    names = ["realtime", f"openai-insecure-api-key.{gateway.key}", "openai-beta.realtime-v1"]
    url = f"{scheme}://localhost:{gateway.port}/v1/realtime?model=m"
    protocols = [websockets.Subprotocol(name) for name in names]
    return websockets.connect(url, subprotocols=protocols, proxy=None, **options)


async def converse(socket: Any) -> None:
    assert json.loads(await socket.recv())["type"] == "session.created"
    messages: list[str | bytes] = ["grüß Gott " * 20_000, b"\0\xff" * 100_000, "", "short"]
    for message in messages:
        await socket.send(message)
        assert await socket.recv() == message
    await socket.send(["in ", "three ", "parts"])
    assert await socket.recv() == "in three parts"
    await (await socket.ping(b"there?"))


@pytest.mark.parametrize("subprotocols", [["realtime"], None])
def test_a_browser(subprotocols: list[str] | None) -> None:
    """Also when the upstream agrees to no subprotocol: a browser would give up."""

    async def act(gateway: Running) -> None:
        async with connect(gateway) as socket:
            assert socket.subprotocol == "realtime"
            assert socket.protocol.extensions == []
            await converse(socket)
        assert socket.close_code == 1000
        await until_clean(gateway)
        assert (row_of(gateway)["outcome"], row_of(gateway)["status"]) == ("ok", 101)

    with_echo(act, subprotocols=subprotocols)


def test_the_openai_client() -> None:
    import openai  # takes seconds: for this test only

    async def act(gateway: Running) -> None:
        async with openai.AsyncOpenAI(api_key=gateway.key, base_url=f"http://127.0.0.1:{gateway.port}/v1") as client:
            async with client.realtime.connect(model="m", websocket_connection_options={"proxy": None}) as connection:
                assert (await connection.recv()).type == "session.created"
                await connection.send({"type": "response.create"})
                assert json.loads(await connection.recv_bytes()) == {"type": "response.create"}

    with_echo(act, subprotocols=None)


def test_many_sessions_at_once_are_not_mixed_up() -> None:
    async def act(gateway: Running) -> None:
        async def one(number: int) -> None:
            async with connect(gateway) as socket:
                await socket.recv()
                for turn in range(20):
                    await socket.send(f"{number} {turn} " * 500)
                    assert await socket.recv() == f"{number} {turn} " * 500

        await asyncio.gather(*(one(number) for number in range(20)))

    with_echo(act)


def test_tls_on_both_sides_and_a_proxy_before_the_upstream(tmp_path: Path) -> None:
    authority = trustme.CA()
    cert = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    cert.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    cert.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    cert.configure_cert(theirs)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    asked: list[bytes] = []

    async def proxy(line: Line) -> None:
        head = await line.request()
        asked.append(head)
        match = re.match(rb"CONNECT localhost:(\d+) ", head)
        assert match
        reader, writer = await asyncio.open_connection("127.0.0.1", int(match[1]))
        line.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pump(line.reader, writer), pump(reader, line.writer))

    async def main() -> None:
        async with serve(echoing, "127.0.0.1", 0, ssl=theirs) as server, scripted(proxy) as between:
            config = (
                f'upstreams: {{up: {{kind: azure, base_url: "https://localhost:{port_of(server)}/openai/v1", '
                f'api_key: k, ca_file: "{tmp_path}/ca.pem", proxy: "http://127.0.0.1:{between.port}"}}}}\n'
                f"models: {{m: {{upstreams: [up]}}}}\n"
                f'listen: {{tls: {{cert: "{tmp_path}/cert.pem", key: "{tmp_path}/key.pem"}}}}\n'
            )
            async with running_gateway(config) as gateway:
                async with connect(gateway, "wss", ssl=ours) as socket:
                    await converse(socket)
                    (request,) = [one.request for one in server.connections if one.request]
                    assert (request.path, request.headers["api-key"]) == ("/openai/v1/realtime?model=m", "k")
                assert socket.close_code == 1000
                await until_clean(gateway)
        assert len(asked) == 1

    run(main())


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()
