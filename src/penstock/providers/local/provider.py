"""Calls to an embedded engine: choose a replica, then let an ordinary OpenAI-like provider speak with it.

Enters an exchange; leaves the chosen replica's reply, byte for byte (the engine itself holds the default
``max_tokens``), but for its refusal of a text too long to embed. May fail with UpstreamError: 503 ``engine_starting``
while no replica is ready, or what the inner provider raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from penstock.core.call import Call
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.ports import Provider
from penstock.core.reply import Reply
from penstock.providers.local.too_long import as_refusal

PATHS = frozenset({"/chat/completions", "/completions", "/responses", "/messages", "/messages/count_tokens"})
EMBEDDING_PATH = "/embeddings"
NOTABLE_SECONDS = 0.001
"""A replica that is there is found in microseconds."""


class Inner(Provider, Protocol):
    """A provider that speaks with one engine process."""

    async def probe(self, method: str, path: str, body: bytes, within: float, limit: int) -> tuple[int, bytes]: ...


Make = Callable[[str, str], Inner]
"""``make(base_url, api_key)``."""


class Seat(Protocol):
    """A ready replica. Its key is new with each start, so it names one life of the process."""

    base_url: str
    api_key: str

    def enter(self) -> None: ...

    def leave(self) -> None: ...


class Engine(Protocol):
    """What is asked of the replicas' owner."""

    async def pick(self, until: float) -> Seat: ...

    async def aclose(self) -> None: ...


class Local:
    """A Provider over the replicas of one engine; ``embedder``: of the one that is asked for embeddings."""

    def __init__(
        self,
        engine: Engine,
        make: Make,
        now: Callable[[], float],
        *,
        embedder: Engine | None = None,
        patience: float = 30.0,
    ) -> None:
        self._engine = engine
        self._make = make
        self._now = now
        self._embedder = embedder
        self._patience = patience
        self._inner: dict[Seat, tuple[str, Inner]] = {}

    def serves(self, call: Call) -> bool:
        path = call.operation.path
        return path in PATHS or (path == EMBEDDING_PATH and self._embedder is not None)

    async def send(self, exchange: Exchange, model: str) -> Reply:
        """Waits up to ``patience`` seconds (within the exchange's deadline) for a first replica, say while it loads."""
        embedder = self._embedder if exchange.call.operation.path == EMBEDDING_PATH else None
        engine = self._engine if embedder is None else embedder
        began = self._now()
        try:
            seat = await engine.pick(min(exchange.deadline, began + self._patience))
        finally:
            waited = self._now() - began
            if waited > NOTABLE_SECONDS:
                exchange.note_wait("engine", waited)
        seat.enter()
        try:
            reply = await (await self._provider(seat)).send(exchange, model)
            if embedder is not None and reply.status >= 500:
                reply = await as_refusal(reply)
        except BaseException:
            seat.leave()
            raise
        if reply.live:
            exchange.defer(lambda _: seat.leave())
        else:
            seat.leave()
        return reply

    async def open(self, until: float) -> None:
        """Wait for a first replica until the moment ``until``; from then on it can be probed. Raises UpstreamError."""
        await self._provider(await self._engine.pick(until))

    async def _provider(self, seat: Seat) -> Provider:
        """The provider of the seat's present life. That of an earlier one has only dead connections: it is let go."""
        api_key, inner = self._inner.get(seat, ("", None))
        if inner is not None and api_key == seat.api_key:
            return inner
        fresh = self._make(seat.base_url, seat.api_key)
        self._inner[seat] = (seat.api_key, fresh)
        if inner is not None:
            await inner.aclose()
        return fresh

    async def probe(self, method: str, path: str, body: bytes, within: float, limit: int) -> tuple[int, bytes]:
        """Ask each replica that has served: the status of the last that answers (503 when none does), and all bodies,
        one after the other. Raises OverflowError when they are over ``limit`` bytes together."""
        status, bodies, left = 503, list[bytes](), limit
        for _, inner in list(self._inner.values()):
            try:
                status, told = await inner.probe(method, path, body, within, left)
            except Fail:
                continue  # it has ended, perhaps; the others still tell
            bodies.append(told)
            left -= len(told)
        return status, b"\n".join(bodies)

    async def aclose(self) -> None:
        """Let go of the connections and end the replicas."""
        inner = [provider for _, provider in self._inner.values()]
        self._inner.clear()
        for provider in inner:
            await provider.aclose()
        await self._engine.aclose()
        if self._embedder is not None:
            await self._embedder.aclose()

    def __repr__(self) -> str:
        return f"<Local over {self._engine!r}>"
