"""Asked by a real gRPC client."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from penstock.core.tasks import Crew
from penstock.scaling.keda import messages
from penstock.scaling.keda import service as keda
from penstock.scaling.keda.service import Keda
from penstock.scaling.keda_config import KedaConfig, KedaTlsConfig
from tests.scaling.control.test_service import Decided
from tests.support.external_scaler import SERVICE, Client

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HERE = KedaConfig(listen="127.0.0.1:0")


class Served:
    """A Keda over two pools, ``gpu`` and ``cpu``."""

    def __init__(self, config: KedaConfig | None) -> None:
        self.config = config
        self.decided = Decided(**{name: Decided().config.pools["a"] for name in ("gpu", "cpu")})
        self.keda = Keda(self.decided.controller, lambda: self.config)

    async def want(self, pool: str, count: int) -> None:
        """A round in which that is decided."""
        self.decided.look()
        self.decided.policies[pool].wanted = count
        self.decided.at += 1
        await self.decided.controller.round()

    async def listens(self) -> str:
        """Its address, once it is there."""
        async with asyncio.timeout(10):
            while not self.keda.port:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        return f"127.0.0.1:{self.keda.port}"


@contextlib.asynccontextmanager
async def served(config: KedaConfig | None = HERE) -> AsyncIterator[Served]:
    one, crew = Served(config), Crew("test")
    crew.supervise(one.keda)
    try:
        yield one
    finally:
        await crew.aclose()


@contextlib.asynccontextmanager
async def client(one: Served, pool: str = "gpu", credentials: Any = None) -> AsyncIterator[Client]:
    address = await one.listens()
    options = [("grpc.ssl_target_name_override", "localhost")] if credentials else []
    made = grpc.aio.secure_channel(address, credentials, options) if credentials else grpc.aio.insecure_channel(address)
    async with made as channel:
        yield Client(channel, pool)


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as found:
        await call
    return found.value.code().name, found.value.details() or ""


def test_it_tells_how_many_there_should_be() -> None:
    async def main() -> None:
        async with served() as one, client(one) as asks:
            await one.want("gpu", 5)
            assert await asks.active()
            spec, value = await asks.spec(), await asks.value()
            assert (spec.metricName, spec.targetSize, spec.targetSizeFloat) == ("desired_replicas", 1, 1.0)
            assert (value.metricName, value.metricValue, value.metricValueFloat) == ("desired_replicas", 5, 5.0)

    asyncio.run(main())


def test_a_stream_is_told_at_once_and_then_what_changed() -> None:
    async def main() -> None:
        async with served() as one, client(one) as asks:
            one.decided.fleet.wanted["gpu"] = 0
            await one.want("gpu", 0)
            stream = asks.stream("StreamIsActive", "IsActiveResponse")
            async with asyncio.timeout(10):
                assert not (await stream.read()).result
                for _ in range(3):
                    await one.want("gpu", 0)
                await one.want("gpu", 2)
                assert (await stream.read()).result
            assert one.keda.streams == 1
            stream.cancel()
            async with asyncio.timeout(10):
                while one.keda.streams:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_stream_of_specs_says_the_same_as_the_question() -> None:
    async def main() -> None:
        async with served() as one, client(one) as asks:
            stream = asks.stream("StreamMetricSpec", "GetMetricSpecResponse")
            async with asyncio.timeout(10):
                (spec,) = (await stream.read()).metricSpecs
            assert spec == await asks.spec()
            stream.cancel()

    asyncio.run(main())


def test_which_pool_must_be_clear() -> None:
    async def main() -> None:
        async with served() as one:
            async with client(one, "gone") as asks:
                assert await refused(asks.active()) == ("NOT_FOUND", "there is no pool 'gone'; there are cpu, gpu")
                stream = asks.stream("StreamIsActive", "IsActiveResponse")
                assert (await refused(stream.read()))[0] == "NOT_FOUND"
            async with client(one, "") as asks:
                code, says = await refused(asks.value())
                assert (code, "which pool?" in says) == ("NOT_FOUND", True)
                del one.decided.controller.pools["cpu"]
                assert (await asks.value()).metricValue == 1, "there is but one"

    asyncio.run(main())


def test_what_is_no_message_is_refused_and_what_is_too_large_too() -> None:
    async def main() -> None:
        async with served() as one:
            address = await one.listens()
            async with grpc.aio.insecure_channel(address) as channel:
                call = channel.unary_unary(SERVICE + "IsActive")
                assert (await refused(call(b"\x0a\x05abc")))[0] == "INVALID_ARGUMENT"
                assert (await refused(call(b"\x0a" * (messages.MOST_BYTES + 1))))[0] == "RESOURCE_EXHAUSTED"
                assert (await refused(channel.unary_unary(SERVICE + "Scale")(b"")))[0] == "UNIMPLEMENTED"

    asyncio.run(main())


def test_streams_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keda, "MOST_STREAMS", 2)

    async def main() -> None:
        async with served() as one, client(one) as asks:
            async with asyncio.timeout(10):
                open_ = [asks.stream("StreamIsActive", "IsActiveResponse") for _ in range(2)]
                for stream in open_:
                    await stream.read()
                third = asks.stream("StreamIsActive", "IsActiveResponse")
                assert (await refused(third.read()))[0] == "RESOURCE_EXHAUSTED"
                assert await asks.active(), "questions are still answered"
                open_[0].cancel()
                while one.keda.streams > 1:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)
                await asks.stream("StreamIsActive", "IsActiveResponse").read()

    asyncio.run(main())


def frame(kind: int, flags: int, stream: int, data: bytes = b"") -> bytes:
    """Of HTTP/2, as somebody writes it who keeps to no library."""
    return len(data).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + data


def head(method: str) -> bytes:
    """The head of a call, after which nothing follows."""
    fields = {":method": "POST", ":scheme": "http", ":path": SERVICE + method, ":authority": "x",
              "content-type": "application/grpc", "te": "trailers"}  # fmt: skip
    texts = (text.encode() for pair in fields.items() for text in pair)
    words = [bytes([len(text)]) + text for text in texts]
    return b"".join(b"\0" + name + value for name, value in zip(words[::2], words[1::2], strict=True))


@contextlib.asynccontextmanager
async def half_asking(address: str, calls: int) -> AsyncIterator[asyncio.StreamReader]:
    """A peer at 127.0.0.2 that begins so many calls and never says what it wants."""
    port = int(address.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
    writer.write(PREFACE + frame(4, 0, 0))
    writer.write(b"".join(frame(1, 4, 1 + 2 * one, head("IsActive")) for one in range(calls)))
    await writer.drain()
    try:
        yield reader
    finally:
        writer.close()


def test_one_address_that_asks_by_halves_keeps_no_other_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keda, "MOST_CALLS", 3)

    async def main() -> None:
        async with served() as one, client(one) as asks, half_asking(await one.listens(), 150):
            async with asyncio.timeout(10):
                while not any(one.keda._asking.values()):  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)
            assert all([await asks.active() for _ in range(5)])
            assert max(one.keda._asking.values()) <= 3

    asyncio.run(main())


def test_a_call_whose_message_does_not_come_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keda, "ASK_SECONDS", 0.1)

    async def main() -> None:
        async with served() as one, half_asking(await one.listens(), 1) as reader:
            kinds: set[int] = set()
            async with asyncio.timeout(10):
                while 1 not in kinds:  # the head of its answer
                    size, kind = int.from_bytes(await reader.readexactly(3), "big"), (await reader.readexactly(6))[0]
                    kinds.add(kind)
                    await reader.readexactly(size)
                while one.keda._asking:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)

    asyncio.run(main())


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keda, "MOST_CONNECTIONS", 4)

    async def main() -> None:
        async with served() as one:
            port = int((await one.listens()).rpartition(":")[2])
            with contextlib.ExitStack() as stack:
                peers = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(12)]
                closed: set[socket.socket] = set()
                async with asyncio.timeout(4):  # those that say nothing are closed later
                    while len(closed) < 8:
                        await asyncio.sleep(0.01)
                        for peer in peers:
                            with contextlib.suppress(BlockingIOError, ConnectionError):
                                if peer.recv(1000, socket.MSG_DONTWAIT) == b"":
                                    closed.add(peer)
                assert len(closed) == 8

    asyncio.run(main())


def test_over_tls_only_who_shows_a_certificate_is_answered(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    cert = authority.issue_cert("localhost")
    files = {name: tmp_path / f"{name}.pem" for name in ("cert", "key", "ca")}
    cert.private_key_pem.write_to_path(str(files["key"]))
    for blob in cert.cert_chain_pems:
        blob.write_to_path(str(files["cert"]), append=True)
    authority.cert_pem.write_to_path(str(files["ca"]))
    tls = KedaTlsConfig(cert=str(files["cert"]), key=str(files["key"]), client_ca=str(files["ca"]))

    def shows(issuer: trustme.CA | None) -> Any:
        root = authority.cert_pem.bytes()
        if issuer is None:
            return grpc.ssl_channel_credentials(root)
        own = issuer.issue_cert("keda")
        return grpc.ssl_channel_credentials(root, own.private_key_pem.bytes(), own.cert_chain_pems[0].bytes())

    async def main() -> None:
        async with served(KedaConfig(listen="127.0.0.1:0", tls=tls)) as one:
            async with client(one, credentials=shows(authority)) as asks:
                assert await asks.active()
            for credentials in (shows(None), shows(stranger), None):
                async with client(one, credentials=credentials) as asks:
                    assert (await refused(asks.active()))[0] == "UNAVAILABLE"

    asyncio.run(main())


def test_a_reload_moves_it_and_may_end_it() -> None:
    async def main() -> None:
        async with served(None) as one:
            one.config = HERE
            one.keda.changed.set()
            async with client(one) as asks:
                assert await asks.active()
            one.config = None
            one.keda.changed.set()
            async with asyncio.timeout(10):
                while one.keda.port:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)

    asyncio.run(main())


def test_an_address_that_is_taken_is_said(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with served() as one:
            taken = Served(KedaConfig(listen=await one.listens()))
            with pytest.raises((OSError, RuntimeError), match=r"listen|bind"):
                await taken.keda.run()

    asyncio.run(main())
