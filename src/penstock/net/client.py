"""A pooled HTTP/1.1 client for one upstream server.

``request`` takes a connection (an idle one, a new one, or waits in a bounded queue), sends, and returns the
``Response`` when its head is here. No redirects are followed. Fails with UpstreamError that names the phase
(``queue``, ``dns``, ``connect``, ``tls``, ``headers``) and tells whether another try could help.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Callable

from penstock.core.deadlines import Wheel
from penstock.core.errors import Fail, GatewayError, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Source
from penstock.net.client_connection import ClientConnection, Untouched
from penstock.net.names import Names
from penstock.net.outbox import Outbox
from penstock.net.reach import Patience, Reach
from penstock.net.response import Response
from penstock.net.tunnel import open_tunnel


class Origin:
    """The connections to one upstream server. Survives reloads that leave the upstream as it is."""

    def __init__(self, name: str, reach: Reach, *, wheel: Wheel, names: Names, now: Callable[[], float]) -> None:
        self.name = name
        self.reach = reach
        self.tls = reach.tls
        self.address = f"{reach.host}:{reach.port}"
        self.wheel = wheel
        self.now = now
        self.loop = asyncio.get_running_loop()
        self.outbox = Outbox(self.loop)
        self._names = names
        self._idle: list[ClientConnection] = []
        self._open: set[ClientConnection] = set()
        self._dialling = 0
        self._waiters: deque[asyncio.Future[ClientConnection | None]] = deque()
        self._closed = False
        self.obtained = 0
        self.waited = 0.0

    async def request(
        self,
        head: bytes,
        body: bytes | Source,
        patience: Patience,
        head_timeout: float | None = None,
        *,
        upgrade: bool = False,
        exchange: Exchange | None = None,
    ) -> Response:
        """Send one request. ``head_timeout`` (seconds) stands in for that of ``patience``. With ``upgrade`` a 101 may
        be the answer: a ``Switched``. ``exchange`` is told how long it waited for a connection.

        Cancelling closes the request's connection at once, in every phase.
        """
        head_timeout = head_timeout or patience.head
        while True:
            connection = self._take() or await self._obtain(patience, exchange)
            connection.upgrades |= upgrade
            connection.again = exchange is not None and not upgrade and isinstance(body, bytes)
            waiter = connection.send(head, body, head_timeout=head_timeout, idle_timeout=patience.idle)
            try:
                return await waiter
            except Untouched:
                if not isinstance(body, bytes):
                    raise self.failed("closed an idle connection as it was used", "send") from None
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():  # answered: the connection may serve another by now
                    with contextlib.suppress(Fail, Untouched):
                        waiter.result().cancel("caller gone")
                else:
                    connection.abort()
                raise

    # ---- taking

    def _take(self) -> ClientConnection | None:
        idle = self._idle
        while idle:
            connection = idle.pop()
            if not connection.closed:
                return connection
        return None

    async def _obtain(self, patience: Patience, exchange: Exchange | None) -> ClientConnection:
        """A new connection if the cap allows; else the next one that becomes free."""
        began = self.now()
        self.obtained += 1
        if self._is_full:
            try:
                free = await self._next_free(patience)
            finally:
                waited = self.now() - began
                self.waited += waited
                if exchange is not None:  # a queue of ours: the upstream knows nothing of it
                    exchange.note_wait("connections", waited)
                    exchange.waited -= waited
            if free is not None:
                return free
        return await self._opened(patience, exchange)

    async def _opened(self, patience: Patience, exchange: Exchange | None = None) -> ClientConnection:
        """A new connection."""
        began = self.now()
        self._dialling += 1
        try:
            connection = await self._dial(patience.connect)
        finally:
            self._dialling -= 1
            if exchange is not None:
                exchange.connecting += self.now() - began
            if self._waiters:
                self._wake_one(None)
        if connection.closed:
            raise self._unreachable("closed the connection at once", "connect")
        self._open.add(connection)
        return connection

    async def warm(self, number: int, patience: Patience, ahead: float = 0.0) -> int:
        """Have ``number`` connections, idle or busy, that will still be there in ``ahead`` seconds. Nothing is sent on
        those that are opened for it. Gives how many that were. Raises UpstreamError."""
        for opened in range(number):
            until = self.now() + ahead
            lasting = sum(min(idle.due, idle.born + self.reach.max_age) >= until for idle in self._idle)
            if self._closed or self._is_full or self.busy + lasting >= number:
                return opened
            self.give_back(await self._opened(patience))
        return number

    @property
    def _is_full(self) -> bool:
        return len(self._open) + self._dialling >= self.reach.max_connections

    async def _next_free(self, patience: Patience) -> ClientConnection | None:
        """The next connection that becomes free; None where a new one may be made instead."""
        deadline = self.now() + patience.connect
        while self._is_full:
            if len(self._waiters) >= self.reach.queue:
                raise GatewayError(
                    f"the queue for upstream '{self.name}' is full ({self.reach.queue} calls wait)",
                    code="upstream_queue_full", retry_after=1, phase="queue", upstream=self.name,
                )  # fmt: skip
            waiter: asyncio.Future[ClientConnection | None] = self.loop.create_future()
            self._waiters.append(waiter)
            try:
                async with asyncio.timeout(deadline + patience.head - self.now()):
                    connection = await waiter
            except TimeoutError:
                self._unwait(waiter)
                raise UpstreamError(
                    f"no connection to upstream '{self.name}' became free in time",
                    status=504, code="upstream_timeout", phase="queue", upstream=self.name,
                ) from None  # fmt: skip
            except asyncio.CancelledError:
                self._unwait(waiter)
                raise
            if connection is not None and not connection.closed:
                return connection
            deadline = self.now() + patience.connect
        return None

    def _unwait(self, waiter: asyncio.Future[ClientConnection | None]) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        elif waiter.done() and not waiter.cancelled():
            connection = waiter.result()  # told in the same turn of the loop: the next one in the queue takes it
            if connection is None or connection.closed:
                self._wake_one(None)
            else:
                self.give_back(connection)

    def _wake_one(self, connection: ClientConnection | None) -> bool:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    # ---- dialling

    async def _dial(self, timeout: float) -> ClientConnection:
        host, port = self.reach.proxy or (self.reach.host, self.reach.port)
        phase = "dns"
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._names.resolve(host)
                phase = "connect"
                return await self._dial_any(addresses, port, self.now() + timeout)
        except TimeoutError:
            self._names.forget(host)
            raise self._unreachable(f"did not accept a connection within {timeout:g} s", phase, status=504) from None
        except socket.gaierror as error:
            raise self._unreachable(f"cannot be resolved ({error.strerror})", "dns") from None
        except ssl.SSLCertVerificationError as error:
            raise self._unreachable(f"has a certificate that does not verify: {error.verify_message}", "tls") from None
        except ssl.SSLError as error:
            raise self._unreachable(f"failed the TLS handshake: {error.reason or error}", "tls") from None
        except ConnectionRefusedError:
            raise self._unreachable("refused the connection", "connect") from None
        except OSError as error:
            raise self._unreachable(f"cannot be reached ({error.strerror or error})", "connect") from None

    async def _dial_any(self, addresses: list[str], port: int, until: float) -> ClientConnection:
        """Try the addresses in turn, each for its share of the time left; the last failure is the one told."""
        failure = OSError("it has no addresses")
        for tried, address in enumerate(addresses):
            try:
                async with asyncio.timeout((until - self.now()) / (len(addresses) - tried)):
                    return await self._dial_one(address, port)
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
        raise failure

    async def _dial_one(self, address: str, port: int) -> ClientConnection:
        if self.reach.proxy is not None:
            return await open_tunnel(self, address, port)
        name = self.reach.tls_name if self.tls is not None else None
        _, connection = await self.loop.create_connection(
            lambda: ClientConnection(self), address, port, ssl=self.tls, server_hostname=name
        )
        return connection

    def _unreachable(self, what: str, phase: str, *, status: int = 502) -> UpstreamError:
        return self.failed(what, phase, status, "upstream_timeout" if status == 504 else "upstream_unreachable")

    def failed(self, what: str, phase: str, status: int = 502, code: str = "upstream_failed") -> UpstreamError:
        """An error that names the upstream."""
        said = f"upstream '{self.name}' ({self.address}) {what}"
        return UpstreamError(said, status=status, code=code, phase=phase, upstream=self.name)

    # ---- giving back

    def give_back(self, connection: ClientConnection) -> None:
        """A connection is free again."""
        now = self.now()
        if self._closed or now - connection.born > self.reach.max_age:
            connection.abort()
            return
        if self._waiters and self._wake_one(connection):
            return
        connection.due = due = now + self.reach.max_idle
        if not 0 < connection.wheel_at <= due:
            self.wheel.watch(connection)
        self._idle.append(connection)

    def forget(self, connection: ClientConnection) -> None:
        """A connection is closed."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if self._waiters:
            self._wake_one(None)

    def leave(self, error: Fail) -> int:
        """Have calls that wait for their answers fail with ``error``, if they can be asked again. How many did."""
        waiting = [one for one in self._open if one.again and one.waiter is not None and not one.waiter.done()]
        for connection in waiting:
            connection.fail(error)
        return len(waiting)

    @property
    def busy(self) -> int:
        """Connections with a request under way."""
        return len(self._open) - len(self._idle)

    @property
    def queued(self) -> int:
        """Calls that wait for a connection."""
        return len(self._waiters)

    @property
    def open(self) -> int:
        """Connections now open."""
        return len(self._open)

    @property
    def is_over(self) -> bool:
        """It was closed, and has ended."""
        return self._closed and not (self._open or self._dialling)

    def close(self) -> None:
        """Close what is idle now; busy connections end with their answers."""
        self._closed = True
        for connection in list(self._idle):
            connection.abort()

    def __repr__(self) -> str:
        return f"<Origin {self.name} {self.address} {self.open} open, {self.busy} busy, {self.queued} waiting>"
