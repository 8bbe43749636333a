"""A gRPC server for KEDA's external scaler: how many replicas a pool should have, pulled and pushed.

Enters: which pool, in the trigger's metadata. Leaves: numbers, nothing else; nothing can be changed here. Streams are
told only what changed. Whoever asks is bounded (connections, streams, calls of one address, time to say what is asked):
it runs beside the gateway. May fail: an address that is taken is tried again, as any service is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.scaling.control.asked import is_active, wanted
from penstock.scaling.keda import messages
from penstock.scaling.keda.messages import Ref

if TYPE_CHECKING:
    from penstock.scaling.control.service import Controller, Pool
    from penstock.scaling.keda_config import KedaConfig

log = logging.getLogger("penstock")

SERVICE = "externalscaler.ExternalScaler"
METRIC = "desired_replicas"
TARGET = 1.0
"""A replica each: the metric is the number of replicas, the sums are done here."""
MOST_STREAMS = 128
MOST_CALLS = 64
"""Of one address at once; more are refused. KEDA has a stream a pool."""
MOST_AT_ONCE = 4 * (MOST_STREAMS + MOST_CALLS)
"""Of all addresses."""
MOST_CONNECTIONS = 256
ASK_SECONDS = 5.0
"""From the head of a call to its message, and from a connection to its first frame."""
IDLE_SECONDS = 30.0
"""So often a stream looks, news or not, whether it is still wanted."""
KEPT_SECONDS = 120.0
"""A connection without a call; KEDA asks every 30 s."""
GRACE_SECONDS = 1.0
Answer = Callable[["Pool", Any], bytes]


class Keda:
    """A Service. ``config`` tells what is configured now; set ``changed`` when that may be something else."""

    name = "keda"

    def __init__(self, controller: Controller, config: Callable[[], KedaConfig | None]) -> None:
        self._controller = controller
        self._config = config
        self.changed = asyncio.Event()
        self.port = 0
        self._asking: Counter[tuple[str, bool]] = Counter()

    @property
    def streams(self) -> int:
        """Those that are open."""
        return sum(count for (_, streams), count in self._asking.items() if streams)

    async def run(self) -> None:
        """Serve what is configured; serve anew when that changes."""
        while True:
            self.changed.clear()
            config = self._config()
            server = None if config is None else await self._listen(config)
            try:
                while self._config() == config:
                    await self.changed.wait()
                    self.changed.clear()
            finally:
                if server is not None:
                    self.port = 0
                    await server.stop(GRACE_SECONDS)

    async def _listen(self, config: KedaConfig) -> Any:
        import grpc

        options = [
            ("grpc.max_receive_message_length", messages.MOST_BYTES),
            ("grpc.so_reuseport", 0),  # two of one address would share KEDA's questions
            ("grpc.max_concurrent_streams", MOST_STREAMS + MOST_CALLS),
            ("grpc.max_allowed_incoming_connections", MOST_CONNECTIONS),  # they are this worker's descriptors
            ("grpc.server_handshake_timeout_ms", int(ASK_SECONDS * 1000)),
            ("grpc.max_connection_idle_ms", int(KEPT_SECONDS * 1000)),
            ("grpc.keepalive_time_ms", int(IDLE_SECONDS * 1000)),  # a peer that is gone holds no stream for hours
            ("grpc.keepalive_timeout_ms", int(ASK_SECONDS * 1000)),
        ]
        server = grpc.aio.server(options=options, maximum_concurrent_rpcs=MOST_AT_ONCE)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, self._methods(grpc)),))
        if config.tls is None:
            self.port = server.add_insecure_port(config.listen)
        else:
            tls = config.tls
            key, cert = await asyncio.to_thread(_read, tls.key), await asyncio.to_thread(_read, tls.cert)
            ca = None if tls.client_ca is None else await asyncio.to_thread(_read, tls.client_ca)
            seal = grpc.ssl_server_credentials([(key, cert)], ca, require_client_auth=ca is not None)
            self.port = server.add_secure_port(config.listen, seal)
        if not self.port:
            raise OSError(f"scaling.keda.listen: {config.listen} cannot be listened on; is it taken?")
        await server.start()
        log.info("KEDA is answered on %s (%s)", config.listen, "gRPC" if config.tls is None else "gRPC over TLS")
        return server

    def _methods(self, grpc: Any) -> dict[str, Any]:
        """All as if calls were streams, too: only so are we asked before the message has come, and it may never."""
        ref, metrics = messages.read_ref, messages.read_metrics_request
        asked, told = grpc.stream_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
        return {
            "IsActive": asked(self._answering(grpc, ref, self._is_active)),
            "GetMetricSpec": asked(self._answering(grpc, ref, self._spec)),
            "GetMetrics": asked(self._answering(grpc, metrics, self._metrics)),
            "StreamIsActive": told(self._streaming(grpc, self._is_active)),
            "StreamMetricSpec": told(self._streaming(grpc, self._spec)),
        }

    # ---- what is answered

    @staticmethod
    def _is_active(pool: Pool, _: Any) -> bytes:
        return messages.is_active(active=is_active(pool))

    @staticmethod
    def _spec(pool: Pool, _: Any) -> bytes:
        return messages.metric_spec(METRIC, TARGET)

    @staticmethod
    def _metrics(pool: Pool, _: Any) -> bytes:
        return messages.metric_value(METRIC, wanted(pool))

    def _pool(self, ref: Ref) -> Pool | str:
        """The pool that is meant, or what is wrong."""
        pools = self._controller.pools
        name = ref.metadata.get("pool", "")
        if not name and len(pools) == 1:
            return next(iter(pools.values()))
        there = ", ".join(sorted(pools)) or "none"
        if not name:
            return f"which pool? say so in the trigger's metadata: pool: NAME; there are {there}"
        return pools.get(name) or f"there is no pool {name[:100]!r}; there are {there}"

    @contextlib.asynccontextmanager
    async def _asked(self, grpc: Any, context: Any, *, streams: bool) -> AsyncIterator[bytes]:
        """What was sent, once it has come whole; counted to its address until it is answered."""
        asker = (str(context.peer()).rpartition(":")[0], streams)
        most, what = (MOST_STREAMS, "streams") if streams else (MOST_CALLS, "calls")
        if self._asking[asker] >= most:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{most} {what} are open already")
        self._asking[asker] += 1
        try:
            yield await self._message(grpc, context)
        finally:
            self._asking[asker] -= 1
            self._asking += Counter()  # forgets who has none

    @staticmethod
    async def _message(grpc: Any, context: Any) -> bytes:
        data = None
        try:
            async with asyncio.timeout(ASK_SECONDS):
                data = await context.read()
        except TimeoutError:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, f"no message came within {ASK_SECONDS:g} s")
        if not isinstance(data, bytes):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a message was to come")
            return b""
        return data

    def _answering(
        self, grpc: Any, read: Callable[[bytes], Any], answer: Answer
    ) -> Callable[[Any, Any], Awaitable[bytes]]:
        async def answered(_: Any, context: Any) -> bytes:
            async with self._asked(grpc, context, streams=False) as data:
                request = await self._read(grpc, read, data, context)
                pool = self._pool(request if isinstance(request, Ref) else request.ref)
                if isinstance(pool, str):
                    return bytes(await context.abort(grpc.StatusCode.NOT_FOUND, pool))
                return answer(pool, request)

        return answered

    def _streaming(self, grpc: Any, answer: Answer) -> Callable[[Any, Any], AsyncIterator[bytes]]:
        async def told(_: Any, context: Any) -> AsyncIterator[bytes]:
            async with self._asked(grpc, context, streams=True) as data:
                ref, last = await self._read(grpc, messages.read_ref, data, context), None
                while True:
                    news = self._controller.decided  # first: what is decided while the answer is sent is news
                    pool = self._pool(ref)
                    if isinstance(pool, str):
                        await context.abort(grpc.StatusCode.NOT_FOUND, pool)
                        return
                    now = answer(pool, ref)
                    if now != last:
                        last = now
                        yield now
                    await self._wait(news)

        return told

    @staticmethod
    async def _read(grpc: Any, read: Callable[[bytes], Any], data: bytes, context: Any) -> Any:
        try:
            return read(data)
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            raise

    @staticmethod
    async def _wait(news: asyncio.Event) -> None:
        """Until something was decided."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await news.wait()

    def __repr__(self) -> str:
        return f"<Keda on {self.port}, {self.streams} streams>"


def _read(path: str) -> bytes:
    return Path(path).read_bytes()
