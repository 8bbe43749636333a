"""The protocols through which slices meet. Each has at most four methods; none knows a concrete class."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Literal, Protocol

from penstock.core.call import Call
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Source

Next = Callable[[Exchange], Awaitable[Reply]]
"""The rest of the pipeline."""


class Stage(Protocol):
    """A room. ``needs`` and ``gives`` are checked by pipeline.py; a room with nothing to wait for may return
    ``next(exchange)`` itself instead of awaiting it (``__call__`` then is a plain function)."""

    needs: ClassVar[frozenset[str]]
    gives: ClassVar[frozenset[str]]

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]: ...


class RequestBody(Source, Protocol):
    """The caller's body while it arrives. Nothing beyond a small bound is read from the socket before
    ``read`` or ``start`` is called."""

    @property
    def length(self) -> int | None:
        """The announced Content-Length in bytes; None for chunked."""

    @property
    def complete(self) -> bytes | None:
        """The whole body if it is already here, else None."""

    @property
    def early(self) -> bytes:
        """What has arrived so far (bounded) and was not handed on."""

    async def read(self, limit: int, take: Callable[[int], bool] | None = None) -> bytes:
        """The whole body. ``take`` is asked for the size of each chunk; when it says False, the call ends with 503.

        Raises CallerError 413 past ``limit`` bytes, 408 when it stalls, 400 when it is cut.
        """


class Service(Protocol):
    """A part with a life: built without side effects, then run until cancelled. ``run`` must tolerate
    cancellation at any moment and clean up in its own ``finally``."""

    name: str

    async def run(self) -> None: ...


class Provider(Protocol):
    """How to speak with one kind of upstream. One instance an upstream; it survives reloads that leave the
    upstream unchanged."""

    def serves(self, call: Call) -> bool:
        """Whether this kind of upstream has the call's operation at all."""

    async def send(self, exchange: Exchange, model: str) -> Reply:
        """Ask the upstream for ``exchange.call`` as ``model``. Returns when the head of the answer is known.

        Raises UpstreamError when there is no answer. An answer with an error status is a Reply, not an exception.
        Cancelling the coroutine, or the reply's source, closes the upstream connection at once.
        """

    async def aclose(self) -> None:
        """Let go of connections and children. Works after a partial start."""


class Caller(Protocol):
    """The other end of the connection on which an exchange is answered."""

    def waiting(self) -> int:
        """Bytes sent to it that it has not taken yet: in this process and, as far as known, in the kernel."""

    def round_trip(self) -> float | None:
        """Seconds there and back, as the kernel measures them; None where it does not."""


class Reclaims(Protocol):
    """What can do with less memory for a while."""

    def squeeze(self, share: float) -> int:
        """Keep to this share of what is configured from now on (1: all of it). Bytes that came free at once."""


class Account(Protocol):
    """A bounded number of bytes with a name."""

    def reserve(self, size: int) -> bool:
        """Take ``size`` bytes; False when that would pass the bound."""

    def release(self, size: int) -> None:
        """Give ``size`` bytes back."""


class Seats(Protocol):
    """The seats at one upstream, where their number is limited. Moments are monotonic seconds."""

    @property
    def free(self) -> bool:
        """Whether a call may take one. Then nobody waits for it."""

    def begin(self, now: float) -> None:
        """A call takes one, whether one is free or not."""

    def first(self, now: float, took: float, expected: float) -> None:
        """A call's first token came after ``took`` seconds; ``expected`` of an idle upstream, 0 where nobody knows."""

    def end(self, now: float, took: float, first_token: float | None, outcome: SeatOutcome) -> None:
        """A call has given its seat back after ``took`` seconds."""


class Meter(Protocol):
    """Shares the price of an upstream's time between the calls that are there. Moments are monotonic seconds."""

    def begin(self, now: float) -> int:
        """A call begins; what is given goes to ``end``."""

    def end(self, now: float, begun: int) -> int:
        """It has ended. Its share, in parts of a micro-dollar."""


SeatOutcome = Literal["ok", "overload", "error", "left"]
"""``overload``: the upstream said that it has too many calls. ``left``: nobody waited for the answer any more."""
Look = Callable[[], Sequence[Seats] | None]
"""Where a call could sit now, all of it taken; None when it should not wait (any longer), for whatever reason."""


class Hall(Protocol):
    """Where calls wait for seats, the best first."""

    def seat(self, exchange: Exchange, look: Look, cost: float, front: bool) -> Awaitable[Seats | None]:
        """Wait for a seat, which must be taken before anything else is awaited; None when ``look`` says so.
        ``cost``: what it takes of its key's share; ``front``: it had a seat and goes before others of its class.
        Raises Fail when it may not wait, has waited too long, or must make room for a better call."""

    def yields(self, exchange: Exchange, times: int) -> bool:
        """Whether it should give its seat up to a better call, having done so ``times`` before."""

    def lend(self, seats: Seats, exchange: Exchange, stop: Callable[[], None]) -> Callable[[], None]:
        """The call may be stopped by ``stop``, until what is returned is called."""

    def vacate(self, seats: Seats) -> None:
        """Somebody was given a seat there and does not take it."""
