"""A gRPC server for KEDA's external scaler: how many replicas a pool should have, pulled and pushed.

Enters: which pool, in the trigger's metadata. Leaves: numbers, nothing else; nothing can be changed here. Streams are
bounded, and told only what changed. May fail: an address that is taken is tried again, as any service is.
"""

from __future__ import annotations

import asyncio
import logging
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
"""Asked at once; more are refused."""
IDLE_SECONDS = 30.0
"""So often a stream looks, news or not, whether it is still wanted."""
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
        self.streams = 0

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
        ]
        server = grpc.aio.server(options=options, maximum_concurrent_rpcs=MOST_STREAMS + MOST_CALLS)
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
        ref, metrics = self._reading(grpc, messages.read_ref), self._reading(grpc, messages.read_metrics_request)
        return {
            "IsActive": grpc.unary_unary_rpc_method_handler(ref(self._is_active)),
            "GetMetricSpec": grpc.unary_unary_rpc_method_handler(ref(self._spec)),
            "GetMetrics": grpc.unary_unary_rpc_method_handler(metrics(self._metrics)),
            "StreamIsActive": grpc.unary_stream_rpc_method_handler(self._streaming(grpc, self._is_active)),
            "StreamMetricSpec": grpc.unary_stream_rpc_method_handler(self._streaming(grpc, self._spec)),
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

    def _reading(self, grpc: Any, read: Callable[[bytes], Any]) -> Callable[[Answer], Any]:
        def made(answer: Answer) -> Callable[[bytes, Any], Awaitable[bytes]]:
            async def asked(data: bytes, context: Any) -> bytes:
                try:
                    request = read(data)
                except ValueError as error:
                    return bytes(await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error)))
                pool = self._pool(request if isinstance(request, Ref) else request.ref)
                if isinstance(pool, str):
                    return bytes(await context.abort(grpc.StatusCode.NOT_FOUND, pool))
                return answer(pool, request)

            return asked

        return made

    def _streaming(self, grpc: Any, answer: Answer) -> Callable[[bytes, Any], AsyncIterator[bytes]]:
        async def asked(data: bytes, context: Any) -> AsyncIterator[bytes]:
            if self.streams >= MOST_STREAMS:
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{MOST_STREAMS} streams are open already")
            self.streams += 1
            try:
                ref, told = await self._ref(grpc, data, context), None
                while True:
                    pool = self._pool(ref)
                    if isinstance(pool, str):
                        await context.abort(grpc.StatusCode.NOT_FOUND, pool)
                        return
                    now = answer(pool, ref)
                    if now != told:
                        told = now
                        yield now
                    await self._news()
            finally:
                self.streams -= 1

        return asked

    @staticmethod
    async def _ref(grpc: Any, data: bytes, context: Any) -> Ref:
        try:
            return messages.read_ref(data)
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            raise

    async def _news(self) -> None:
        """Wait until something was decided."""
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self._controller.decided.wait()
        except TimeoutError:
            pass

    def __repr__(self) -> str:
        return f"<Keda on {self.port}, {self.streams} streams>"


def _read(path: str) -> bytes:
    return Path(path).read_bytes()
