"""Rigs of the sources of batch jobs (see conformance.py, which lists them)."""

import os
import tempfile
from typing import TYPE_CHECKING, Any

from penstock.core.errors import Fail
from penstock.jobs.receiving.service import Intake
from penstock.jobs.sending.store import DiskSource

if TYPE_CHECKING:
    from tests.core.conformance import Rig

PIECE = 5


def disk(frames: list[bytes], error: Fail | None, loop: Any) -> "Rig":
    """A file between bytes before and after it. It ends well whatever the error: nothing is cut here."""
    from tests.core.judge import Rig

    content = b"".join(frames[1:-1])  # of one or two frames there is none
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        made: Any = DiskSource(file.name, b"".join(frames[:1]), b"".join(frames[1:][-1:]))
    reads: Any = Reads(made)
    made._begin_read = reads.ask
    return Rig(made, b"".join(frames), timers=reads)


class Reads:
    """Threads that read when they are told."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self._asked = False

    def ask(self) -> None:
        assert not self._asked, "read twice at once"
        self._asked = True

    def fire(self) -> bool:
        """Have a read end. False when none is under way."""
        if not self._asked:
            return False
        self._asked = False
        self._source._came(os.read(self._source._file, PIECE))
        return True


def intake(frames: list[bytes], error: Fail | None, loop: Any) -> "Rig":
    """What has arrived before it was handed on, and what comes after."""
    from tests.core.conformance import body

    rig = body(frames, error, loop)
    made = Intake(rig.source)  # type: ignore[arg-type]
    made.begin()
    rig.source = made
    if len(rig.events) > 2:
        rig.events.pop(0)()
    return rig
