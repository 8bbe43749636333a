"""Rigs of the sources that read kept streams (see conformance.py, which lists them)."""

import base64
from typing import TYPE_CHECKING, Any

from penstock.core.errors import Fail
from penstock.resume.store import FarReader
from tests.support.keeping import Shelf

if TYPE_CHECKING:
    from tests.core.conformance import Rig


def reader(frames: list[bytes], error: Fail | None, loop: Any) -> "Rig":
    """The first reader of a stream."""
    from tests.core.conformance import response

    rig = response(frames, error, loop)
    _, rig.source = Shelf().begin(rig.source)
    rig.expected = b"".join(b"%b\nid: %d\n\n" % (frame.rstrip(), at + 1) for at, frame in enumerate(frames))
    return rig


def later_reader(frames: list[bytes], error: Fail | None, loop: Any) -> "Rig":
    """One that comes back after an event that the first has had."""
    rig = reader([b"data: first\n\n", *frames], error, loop)
    first: Any = rig.source
    kept = first._kept
    first.start(Sunk())
    rig.feed()
    rig.source = kept.reader(1)
    rig.expected = rig.expected.partition(b"\n\n")[2]
    return rig


class Sunk:
    """A sink that loses everything."""

    def push(self, frame: bytes) -> None: ...

    def end(self, error: Fail | None) -> None: ...


class Work:
    """A task that runs when told."""

    def __init__(self, work: Any) -> None:
        self._work = work
        self._over = False

    def run(self) -> None:
        if not self._over:
            self._over = True
            drive(self._work)

    def cancel(self) -> None:
        self._over = True
        self._work.close()

    __del__ = cancel


def drive(work: Any) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


def far_reader(frames: list[bytes], error: Fail | None, loop: Any) -> "Rig":
    """Each batch is asked for, and comes later. It ends well: an error would be an equal one, and not the same."""
    from tests.core.conformance import Rig

    batches: list[dict[str, Any]] = [
        {"events": base64.b64encode(frame).decode(), "after": at + 1, "ended": False} for at, frame in enumerate(frames)
    ]
    last: dict[str, Any] = {"events": "", "after": len(frames), "ended": True}
    batches.append(last)
    asked: list[Work] = []

    class Crew:
        def spawn(self, work: Any, name: str) -> Work:
            asked.append(Work(work))
            return asked[-1]

    async def ask(question: dict[str, Any]) -> dict[str, Any]:
        return batches.pop(0)

    crew: Any = Crew()
    source = FarReader(ask, crew, "stream_1xa", "key", 0)

    class Arrivals:
        def fire(self) -> bool:
            if asked:
                asked.pop(0).run()
                return True
            return False

    drive(source.open())
    arrivals: Any = Arrivals()
    return Rig(source, b"".join(frames), timers=arrivals)
