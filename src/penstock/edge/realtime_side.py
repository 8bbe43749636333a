"""One side of a realtime session: follows the frames that its peer sends, and passes them to the other side unread.

Enters: bytes of its peer. Leaves: the same, at the other side, up to where a closing frame of ours takes their place.
What happens is told to the relay that joins the two.
"""

from __future__ import annotations

from typing import Protocol

from penstock.core.errors import Fail
from penstock.core.ports import Account
from penstock.net.frames import PING, BrokenFrame, FrameWalk, closing_frame, control_frame
from penstock.net.upgraded import Upgraded


class Joins(Protocol):
    """What is told of a side. ``room``: where bytes are counted that wait for a peer which reads too slowly."""

    room: Account

    def now(self) -> float: ...

    def passes(self, side: Side, size: int) -> None:
        """So many bytes go to the other side."""

    def goodbye(self, side: Side) -> None:
        """Its peer has sent a closing frame."""

    def broke(self, side: Side, broken: BrokenFrame) -> None:
        """Its peer has said what may not be said."""

    def overfull(self) -> None:
        """There is no room for what waits for its peer."""

    def lost(self, side: Side, why: str) -> None:
        """Its connection is gone."""


class Side:
    """One of the two: the Sink of what its peer says, and what is told how its peer keeps up.

    ``walk`` follows what the peer says; ``told`` once a closing frame was sent to it, ``parting`` is one that waits for
    the end of a frame under way there.
    """

    __slots__ = ("_held", "_masks", "_relay", "_since", "_unsent", "heard", "leg", "other", "parting", "pinged", "told",
                 "walk")  # fmt: skip

    other: Side

    def __init__(self, relay: Joins, leg: Upgraded, walk: FrameWalk, *, masks: bool) -> None:
        self._relay = relay
        self._masks = masks
        self._held = self._unsent = 0
        self._since = 0.0
        self.leg = leg
        self.walk = walk
        self.parting = b""
        self.told = self.pinged = False
        self.heard = True

    # ---- its peer speaks

    def push(self, data: bytes) -> None:
        self.heard = True
        walk, other = self.walk, self.other
        rest = walk.left
        broken: BrokenFrame | None = None
        try:
            data = walk.pass_on(data)
        except BrokenFrame as error:
            broken, data = error, error.good
        if other.parting:
            other.leg.push(data[:rest])
            if len(data) >= rest:
                other.leg.push(other.parting)
                other.parting, other.told = b"", True
        elif not other.told:
            self._relay.passes(self, len(data))
            other.leg.push(data)
        if broken is not None:
            self._relay.broke(self, broken)
        elif walk.closed:
            self._relay.goodbye(self)

    def end(self, error: Fail | None) -> None:
        self._relay.lost(self, "closed the connection in the middle of the session")

    # ---- its peer reads

    def hold(self) -> None:
        self.other.leg.pause()
        self._since = self._relay.now()
        size = self._unsent = self.leg.unsent()
        if self._relay.room.reserve(size):
            self._held = size
        else:
            self._relay.overfull()

    def release(self) -> None:
        self.let_go()
        self.other.heard = True
        self.other.leg.resume()

    def let_go(self) -> None:
        """Nothing waits for it any more."""
        self._relay.room.release(self._held)
        self._held = 0

    def is_dead(self, now: float, patience: float) -> bool:
        """Whether it has answered no ping, or taken nothing for ``patience`` seconds."""
        if not self.leg.writable:
            unsent = self.leg.unsent()
            if unsent < self._unsent:
                self._unsent, self._since = unsent, now
            return now - self._since >= patience
        return self.pinged and not self.heard and not self.leg.paused

    def ping(self) -> None:
        """Ask whether it lives, unless a frame is under way. Who is not read from is asked, too: to write is then the
        only way to see that it is gone."""
        self.heard = False
        self.pinged = self.leg.writable and not self.other.walk.left
        if self.pinged:
            self.leg.push(control_frame(PING, masked=self._masks))

    def part(self, code: int, reason: str) -> None:
        """Say goodbye, now or behind the frame under way."""
        if not (self.told or self.parting):
            frame = closing_frame(code, reason, masked=self._masks)
            if self.other.walk.left:
                self.parting = frame
            else:
                self.leg.push(frame)
                self.told = True
