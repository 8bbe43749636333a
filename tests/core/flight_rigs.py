"""Rigs of the readers of a flight (see conformance.py, which lists them)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock.coalesce.config import CoalesceConfig
from penstock.coalesce.counts import Counts
from penstock.coalesce.flight import Flight
from penstock.coalesce.own_call import OwnCall
from penstock.coalesce.readers import Around
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply, Source
from penstock.memory.ledger import BoundedAccount
from tests.core.kept_rigs import Sunk
from tests.support.flights import EVENTS, asking

if TYPE_CHECKING:
    from tests.core.conformance import Rig


class _Loop:
    """What is to be done soon is done when the timers fire."""

    def __init__(self, timers: Any) -> None:
        self._timers = timers

    def call_soon(self, fn: Callable[[], None]) -> Any:
        return self._timers.call_later(0.0, fn)


def _below(source: Source) -> Next:
    async def answer(exchange: Exchange) -> Reply:
        return Reply(200, EVENTS, source, events=True)

    return answer


def _flight(source: Source, loop: Any) -> tuple[Flight, Any]:
    around = Around(_Loop(loop), lambda: 1.0, BoundedAccount("b", 1 << 20), Counts(), CoalesceConfig())  # type: ignore[arg-type]
    leader = asking(stream=True)
    flight = Flight(around, leader.fork("flight"), _below(source), {}, b"key")
    reader = flight.join(leader)
    flight.begin()
    return flight, reader


def reader(frames: list[bytes], error: Fail | None, loop: Any) -> "Rig":
    """The only one of its flight."""
    from tests.core.conformance import response

    rig = response(frames, error, loop)
    _, rig.source = _flight(rig.source, loop)
    return rig


def late_reader(frames: list[bytes], error: Fail | None, loop: Any) -> "Rig":
    """One that comes when the first has had something, and reads beside it."""
    from tests.core.conformance import response

    rig = response([b"data: first\n\n", *frames], error, loop)
    flight, first = _flight(rig.source, loop)
    first.start(Sunk())
    rig.feed()
    late = flight.join(asking(stream=True))
    assert late is not None
    rig.source = late
    rig.timers = loop
    return rig


def one_on_its_own(frames: list[bytes], error: Fail | None, loop: Any) -> "Rig":
    """A reader whose flight could not wait for it."""
    from tests.core.conformance import response

    rig = response(frames, error, loop)
    rig.source = OwnCall(asking(stream=True), _below(rig.source), _Loop(loop), lambda: 1.0)  # type: ignore[arg-type]
    return rig
