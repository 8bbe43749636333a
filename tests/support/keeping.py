"""Kept streams without a gateway: time stands still, and the account is the test's."""

from penstock.core.clock import FakeClock
from penstock.core.deadlines import Wheel
from penstock.core.errors import Fail
from penstock.core.reply import Source
from penstock.memory.ledger import BoundedAccount
from penstock.resume.kept import Kept
from penstock.resume.reader import Reader
from penstock.wire.sse import parse


class Shelf:
    """What keeps the streams of a test. ``overs`` and ``forgotten`` are what it was told."""

    def __init__(self, room: int = 10_000_000) -> None:
        self.clock = FakeClock()
        self.wheel = Wheel(0.01, self.clock.now())
        self.account = BoundedAccount("resume", room)
        self.overs: list[Fail | None] = []
        self.forgotten: list[Kept] = []

    def kept(self, most: int = 100_000, window: float = 60.0, lasts: float = 600.0) -> Kept:
        return Kept(self, "stream_0xabc", "key", "openai", most, window, self.now() + lasts)

    def begin(self, source: Source, most: int = 100_000) -> tuple[Kept, Source]:
        kept = self.kept(most)
        return kept, kept.begin(source)

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.wheel.turn(self.clock.now())

    # ---- Keeping

    def now(self) -> float:
        return self.clock.now()

    def reserve(self, size: int) -> bool:
        return self.account.reserve(size)

    def release(self, size: int) -> None:
        self.account.release(size)

    def watch(self, stream: Kept) -> None:
        self.wheel.watch(stream)

    def over(self, stream: Kept, error: Fail | None) -> None:
        self.overs.append(error)

    def forget(self, stream: Kept) -> None:
        self.forgotten.append(stream)


class Client:
    """A sink that notes the events it gets."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.raw = b""
        self.ends: list[Fail | None] = []
        self.last = 0

    def push(self, frame: bytes) -> None:
        assert not self.ends
        self.raw += frame
        for event in parse(frame):
            self.data.append(event.data)
            assert event.id is not None
            assert int(event.id) == self.last + 1
            self.last += 1

    def end(self, error: Fail | None) -> None:
        assert not self.ends
        self.ends.append(error)


def client(reader: Reader | Source, after: int = 0) -> Client:
    """One that has started ``reader``."""
    made = Client()
    made.last = after
    reader.start(made)
    return made


def events(first: int, last: int, size: int = 1) -> list[bytes]:
    """One event a frame."""
    return [b"data: %d%b\n\n" % (number, b"." * (size - 1)) for number in range(first, last + 1)]
