"""The contract of core/reply.py as a test that every Source passes.

Here are the rigs: one or more for each Source of the project. What they are made of is in judge.py.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from penstock.cache.replay import Paced
from penstock.coalesce import reader as flight_reader
from penstock.coalesce.own_call import OwnCall
from penstock.core.call import Call, Operation
from penstock.core.deadlines import Wheel
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.reply import Tapped, Whole
from penstock.jobs.receiving.service import Intake
from penstock.jobs.sending.store import DiskSource
from penstock.memory.ledger import BoundedAccount
from penstock.net.request_body import Body
from penstock.net.response import Response, ResponseHead
from penstock.net.upgraded import Upgraded
from penstock.providers.echo import PacedFrames
from penstock.providers.event_frames import EventFrames
from penstock.resume.reader import Reader
from penstock.resume.store import FarReader
from penstock.routing.continued import Continued
from penstock.routing.joint import Joint
from penstock.routing.overlap import Join
from penstock.streaming.config import StreamingConfig
from penstock.streaming.counts import Counts
from penstock.streaming.flow import Flow, Surroundings, Wishes
from penstock.streaming.gate import Gate
from penstock.streaming.pacing import Bucket
from penstock.wire import openai_chat
from penstock.wire.counts import Usage
from penstock.wire.restamp import ChoicesRestamp
from penstock.wire.sse import DONE
from penstock.wire.told_dialects import ChatTold
from tests.core import flight_rigs, job_rigs, kept_rigs
from tests.core.judge import CUT, Judge, Rig, Socket, Timer, Timers, Wire, timers

__all__ = ["CUT", "RIGS", "Judge", "Rig", "Timer", "Timers", "Wire", "events_of", "exchange", "timers"]


def events_of(count: int) -> list[bytes]:
    return [b"data: %d\n\n" % number for number in range(count)]


def exchange() -> Exchange:
    body: Any = None
    return Exchange("req_1", Call(Operation("chat", "openai", ""), "POST", "/", b"", [], ""), 0, 1, body)


def whole(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    return Rig(Whole(*frames), b"".join(frames))


def body(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    made = Body(Wire(), None)
    feeds = [lambda frame=frame: made.feed(frame) for frame in frames]
    ends = [made.finish, lambda: made.fail(error or CUT)]
    if error is not None:
        ends.reverse()
    # What a connection may still say after the end must not reach the sink.
    return Rig(made, b"".join(frames), error, [*feeds, *ends])


def response(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    wire = Wire()
    made = Response(wire, ResponseHead(200, []), None)

    def unless_aborted(act: Callable[[], None]) -> Callable[[], None]:
        return lambda: None if wire.aborted else act()

    feeds = [unless_aborted(lambda frame=frame: made.deliver([frame[:3], frame[3:]])) for frame in frames]
    return Rig(made, b"".join(frames), error, [*feeds, unless_aborted(lambda: made.finish(error))])


def upgraded(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    """The first frame came behind the head. It ends well whatever the error: of what flows it knows nothing."""
    wire: Any = Socket()
    owner: Any = None
    made = Upgraded(owner, wire, b"".join(frames[:1]), lambda: None)
    acts = [lambda frame=frame: made.data_received(frame) for frame in frames[1:]]
    events = [*acts, lambda: made.connection_lost(None)]
    return Rig(made, b"".join(frames), None, [lambda act=act: None if wire.aborted else act() for act in events])


def tapped(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    rig = response(frames, error, loop)
    rig.source = Tapped(rig.source, [lambda frame: None])
    return rig


def event_frames(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    """Each event comes in two halves, and the last is left without its blank line."""
    joined = b"".join(frames)
    halves = [joined[at : at + 5] for at in range(0, len(joined), 5)]
    rig = response(halves, error, loop)
    rig.source = EventFrames(rig.source, exchange(), withhold=False)
    return rig


def open_event(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    """A stream whose last event lacks its blank line: it is passed on ended, or dropped with a cut."""
    rig = response([*frames, b"data: last"], error, loop)
    rig.source = EventFrames(rig.source, exchange(), withhold=False)
    rig.expected = b"".join(frames) + (b"data: last\n\n" if error is None else b"")
    return rig


def paced(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    return Rig(PacedFrames(iter(frames), 0.1), b"".join(frames), timers=loop)


def unpaced(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    return Rig(PacedFrames(iter(frames), 0.0), b"".join(frames))


def replayed(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    made = Paced([(frame, 100) for frame in frames], loop.call_later, None)
    return Rig(made, b"".join(frames), timers=loop)


def joint(frames: list[bytes], error: Fail | None, loop: Any) -> Rig:
    rig = response(frames, error, loop)
    made = Joint(rig.source, loop)
    made.open()
    rig.source = made
    return rig


def joint_told(frames: list[bytes], error: Fail | None, loop: Any) -> Rig:
    """A stream that is understood, and lacks its end marker: one is added, and it ends well whatever the error."""
    chunks = [openai_chat.chunk("c", "m", 1, {"content": "w"}) for _ in frames]
    chunks.append(openai_chat.chunk("c", "m", 1, finish="stop"))
    rig = event_frames(chunks, error, loop)
    made = Joint(rig.source, loop, ChatTold())
    made.open()
    return Rig(made, b"".join(chunks) + DONE, None, rig.events)


def continued(frames: list[bytes], error: Fail | None, loop: Any) -> Rig:
    rig = response([b": %d\n\n" % number for number in range(len(frames))], error, loop)
    join = Join("", "restart")
    rig.source = Continued(rig.source, ChoicesRestamp(ChatTold(), join.feed, join.finish, Usage(), b"", 1))
    return rig


def around(loop: Any) -> Surroundings:
    return Surroundings(BoundedAccount("buffers", 1 << 20), Counts(), lambda: 1000.0, loop.call_later)


def gate(frames: list[bytes], error: Fail | None, loop: Any) -> Rig:
    """Its moments on the wheel come at any time; something was always sent before, or a ping would be unexpected."""
    rig = response(frames, error, loop)
    one = exchange()
    made = Gate(rig.source, one, StreamingConfig(), around(loop), Wheel(1.0, 0.0), b": ping\n\n")
    rig.source = made

    def look() -> None:
        if not made._held:
            one.bytes_out += 1
            made.expire(1000.0)

    rig.events = [act for event in rig.events for act in (look, event)] + [look]
    return rig


def flow(frames: list[bytes], error: Fail | None, loop: Any, *, merges: bool = False) -> Rig:
    rig = response(frames, error, loop)
    rig.source = Flow(rig.source, StreamingConfig(), Wishes("chat", merges=merges), around(loop))
    return rig


def merging_flow(frames: list[bytes], error: Fail | None, loop: Any) -> Rig:
    return flow(frames, error, loop, merges=True)


def pacing_flow(frames: list[bytes], error: Fail | None, loop: Any) -> Rig:
    """Each event is a token, and there are never two."""
    frames = [b'data: {"choices":[{"delta":{"content":"%d"}}]}\n\n' % number for number in range(len(frames))]
    rig = response(frames, error, loop)
    seconds = iter(range(1_000_000))
    surroundings = dataclasses.replace(around(loop), now=lambda: float(next(seconds)))
    rig.source = Flow(rig.source, StreamingConfig(), Wishes("chat", [Bucket(1.0, 1, 0.0)]), surroundings)
    rig.timers = loop
    return rig


RIGS: dict[str, tuple[type, Callable[[list[bytes], Fail | None, Timers], Rig]]] = {
    "Whole": (Whole, whole),
    "Tapped": (Tapped, tapped),
    "Response": (Response, response),
    "Body": (Body, body),
    "Upgraded": (Upgraded, upgraded),
    "EventFrames": (EventFrames, event_frames),
    "EventFrames, last event open": (EventFrames, open_event),
    "Joint": (Joint, joint),
    "Joint that understands": (Joint, joint_told),
    "Continued": (Continued, continued),
    "Gate": (Gate, gate),
    "Flow": (Flow, flow),
    "Flow that merges": (Flow, merging_flow),
    "Flow that paces": (Flow, pacing_flow),
    "Reader": (Reader, kept_rigs.reader),
    "Reader that came back": (Reader, kept_rigs.later_reader),
    "Reader of a flight": (flight_reader.Reader, flight_rigs.reader),
    "Reader of a flight, late": (flight_reader.Reader, flight_rigs.late_reader),
    "OwnCall": (OwnCall, flight_rigs.one_on_its_own),
    "FarReader": (FarReader, kept_rigs.far_reader),
    "PacedFrames": (PacedFrames, paced),
    "PacedFrames at once": (PacedFrames, unpaced),
    "Paced replay": (Paced, replayed),
    "DiskSource": (DiskSource, job_rigs.disk),
    "Intake": (Intake, job_rigs.intake),
}
"""Every Source of the project: the class, and how one is set up. A new Source is added here."""
