"""The kept streams of one worker: a bounded number, found by an id that only their caller knows. Pure.

Enters: exchanges whose stream is to be kept. Leaves: Kept streams, by id and key. May fail: CallerError 404 for an id
that is unknown, over, or another key's: these three look alike.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from penstock.core.errors import CallerError, Fail
from penstock.core.exchange import Exchange
from penstock.core.ports import Account
from penstock.resume.config import ResumeConfig
from penstock.resume.kept import Kept

FACTS = (
    "answered", "answered_as", "attempts", "batch", "cache", "connecting", "degraded", "failures", "hedge", "model",
    "notes", "output_default", "place", "queued", "rescues", "scope", "status", "tokens_cached", "tokens_in",
    "tokens_out", "tokens_reasoning", "upstream", "upstream_model", "waited", "waits",
)  # fmt: skip


def tell(parent: Exchange, child: Exchange) -> None:
    """What the rooms below learned about the fork is what its caller asked about."""
    for name in FACTS:
        setattr(parent, name, getattr(child, name))


class Streams:
    """See the module. ``note`` is told of each stream that outlived its caller, when it ends. While ``resting`` no new
    one is kept."""

    def __init__(
        self,
        worker: int,
        account: Account,
        now: Callable[[], float],
        watch: Callable[[Kept], None],
        note: Callable[[Exchange], None] | None = None,
        token: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._prefix = f"stream_{worker}x"
        self._account = account
        self._token = token
        self._note = note
        self._kept: dict[str, Kept] = {}
        self._calls: dict[str, tuple[Exchange, Exchange]] = {}
        self.now = now
        self.watch = watch
        self.settings = ResumeConfig()
        self.opened = self.refused = self.resumed = 0
        self.resting = False

    def open(self, parent: Exchange, child: Exchange) -> Kept | None:
        """A stream for the answer to ``child``, whose caller is ``parent``; None when too many are kept."""
        settings = self.settings
        if self.resting or (len(self._kept) >= settings.streams and not self._make_room()):
            self.refused += 1
            return None
        size = len(child.call.body)  # it may be sent again: to another upstream, say
        if not self.reserve(size):
            self.refused += 1
            return None
        child.defer(lambda _: self.release(size))
        self.opened += 1
        id = self._prefix + self._token()
        dialect = parent.call.operation.dialect
        kept = Kept(self, id, parent.key, dialect, settings.max_bytes, settings.window, child.deadline)
        self._kept[id] = kept
        self._calls[id] = (parent, child)
        return kept

    def find(self, id: str, key: str) -> Kept:
        """The stream of that id, if ``key`` began it. Raises CallerError 404."""
        kept = self._kept.get(id)
        if kept is None or kept.key != key:
            raise unknown(id)
        return kept

    # ---- for the streams

    def reserve(self, size: int) -> bool:
        """Take bytes of the account; what is finished and unread makes room."""
        while not self._account.reserve(size):
            if not self._make_room():
                return False
        return True

    def release(self, size: int) -> None:
        """Give bytes back."""
        self._account.release(size)

    def _make_room(self) -> bool:
        """Forget the stream that was finished and left the longest ago."""
        done = [kept for kept in self._kept.values() if kept.ended and kept.left]
        if not done:
            return False
        min(done, key=lambda kept: kept.left).discard("room is needed")
        return True

    def over(self, stream: Kept, error: Fail | None) -> None:
        """The answer is whole, or will not become so: its exchange ends."""
        parent, child = self._calls.pop(stream.id)
        child.error = error
        child.finish("ok" if error is None else "left" if error.status == 499 else "error", self.now())
        if parent.outcome is None:  # after the clean-up, which sums up what all attempts used
            tell(parent, child)
        if parent.outcome is not None and self._note is not None:
            self._note(child)

    def forget(self, stream: Kept) -> None:
        """It can be found no more."""
        del self._kept[stream.id]

    def numbers(self) -> dict[str, int]:
        """For metrics and status."""
        return {
            "kept": len(self._kept),
            "running": len(self._calls),
            "opened": self.opened,
            "refused": self.refused,
            "resumed": self.resumed,
        }

    def __repr__(self) -> str:
        return f"<Streams {len(self._kept)} kept, {len(self._calls)} running>"


def unknown(id: str) -> CallerError:
    """404 that tells nothing."""
    return CallerError(
        f"There is no stream {id[:80]!r} to resume: it is over for longer than resume.window, or was never yours.",
        status=404, code="stream_not_found",
    )  # fmt: skip


def owner_of(id: str) -> int | None:
    """The number of the worker that keeps the stream of this id; None for what is no id of a stream."""
    number, mark, token = id.removeprefix("stream_").partition("x")
    if not id.startswith("stream_") or not mark or not token.isalnum() or len(id) > 80:
        return None
    return int(number) if number.isascii() and number.isdigit() and len(number) <= 4 else None
