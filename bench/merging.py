"""What does merging short events save, and what does it cost? Events, bytes and packets an answer against added delay;
and, for a caller that reads more slowly than the answer is made, events and packets by policy.

Drives the streaming room's Flow in virtual time with an answer of short tokens at a steady pace; a write is a packet.
``--interval`` is the pause between two tokens, ``--longest`` how long text may be held back.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from penstock.core.errors import Fail
from penstock.core.reply import Sink
from penstock.memory.ledger import BoundedAccount
from penstock.streaming.config import MergeConfig, Policy, StreamingConfig
from penstock.streaming.counts import Counts
from penstock.streaming.flow import Flow, Surroundings, Wishes
from penstock.wire.openai_chat import chunk
from penstock.wire.pieces import read
from penstock.wire.sse import split

TOKENS = {
    "English": [
        "In",
        " a",
        " mill",
        ",",
        " the",
        " gate",
        " is",
        " up",
        " and",
        " the",
        " water",
        " runs",
        " so",
        " that",
        " we",
        " do",
        " as",
        " we",
        " go",
        ".",
    ],
    "Chinese": [
        "闸门",
        "一",
        "开",
        "，",
        "水",
        "就",
        "沿着",
        "管",
        "道",
        "流",
        "下来",
        "，",
        "推",
        "动",
        "水",
        "轮",
        "机",
        "。",
    ],
}

SLOWLY: tuple[Policy, ...] = ("drop_nonessential", "coalesce")
"""Policies by which events wait for a slow caller: as they are, and merged."""


class Cancellable:
    """A timer that may be taken back."""

    def __init__(self, fn: Callable[[], None]) -> None:
        self.fn: Callable[[], None] | None = fn

    def cancel(self) -> None:
        self.fn = None


class VirtualTime:
    """Timers that fire when the clock is moved past them."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, Cancellable]] = []

    def now(self) -> float:
        return self.seconds

    def later(self, seconds: float, fn: Callable[[], None]) -> Cancellable:
        timer = Cancellable(fn)
        heapq.heappush(self._waiting, (self.seconds + seconds, next(self._order), timer))
        return timer

    def move(self, until: float) -> None:
        while self._waiting and self._waiting[0][0] <= until:
            self.seconds, _, timer = heapq.heappop(self._waiting)
            if timer.fn is not None:
                timer.fn()
        self.seconds = until


class Caller:
    """A caller far away: notes each write and when each character came."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.writes = self.events = self.bytes = 0
        self.came: list[float] = []
        self.told: list[str] = []

    def push(self, frame: bytes) -> None:
        self.writes += 1
        self.bytes += len(frame)
        for event in split(frame):
            self.events += 1
            self.told.append(read(event, "chat").text)
            self.came += [self._time.now()] * len(self.told[-1])

    def end(self, error: Fail | None) -> None:
        assert error is None

    def waiting(self) -> int:
        return 0

    def round_trip(self) -> float:
        return 0.2


class SlowCaller(Caller):
    """Takes ``rate`` bytes a second. Its socket holds ``ROOM`` bytes before it holds the flow back."""

    ROOM = 64 * 1024
    flow: Flow

    def __init__(self, time: VirtualTime, rate: float) -> None:
        super().__init__(time)
        self._rate = rate
        self._unread = self._at = 0.0
        self.ended = False

    def push(self, frame: bytes) -> None:
        super().push(frame)
        now = self._time.now()
        self._unread = max(0.0, self._unread - (now - self._at) * self._rate) + len(frame)
        self._at = now
        if self._unread > self.ROOM:
            self.flow.pause()
            self._time.later((self._unread - self.ROOM / 4) / self._rate, self.flow.resume)

    def end(self, error: Fail | None) -> None:
        super().end(error)
        self.ended = True


class Idle:
    """An upstream that the bench speaks for."""

    def __init__(self) -> None:
        self.paused = False

    def start(self, sink: Sink) -> None: ...

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def cancel(self, reason: str) -> None: ...


@dataclass(frozen=True)
class Cost:
    """Of one answer. Delays in seconds a character."""

    events: int
    bytes: int
    packets: int
    mean_delay: float
    worst_delay: float


def measure(language: str, interval: float, longest: float | None, tokens: int = 500) -> Cost:
    """One answer, merged within ``longest`` seconds, or as it comes."""
    time = VirtualTime()
    caller = Caller(time)
    terms = StreamingConfig(merge=MergeConfig(enabled=True, longest=longest or 0.02))
    around = Surroundings(BoundedAccount("buffers", 1 << 24), Counts(), time.now, time.later)
    flow = Flow(Idle(), terms, Wishes("chat", merges=longest is not None, caller=caller), around)
    flow.start(caller)
    made: list[float] = []
    for number, word in zip(range(tokens), itertools.cycle(TOKENS[language]), strict=False):
        time.move(number * interval)
        made += [time.now()] * len(word)
        flow.push(chunk("chatcmpl-0000000000000000", "m", 1, {"content": word}))
    flow.end(None)
    delays = [came - told for came, told in zip(caller.came, made, strict=True)]
    return Cost(caller.events, caller.bytes, caller.writes, sum(delays) / len(delays), max(delays))


@dataclass(frozen=True)
class Relief:
    """What a slow caller got of an answer of ``made`` events and ``made_bytes``."""

    made: int
    made_bytes: int
    events: int
    bytes: int
    packets: int
    seconds: float
    text: str


def relieve(policy: Policy, interval: float, rate: float, tokens: int = 20_000) -> Relief:
    """One answer for a caller of ``rate`` bytes a second. What is made in a pause of the upstream comes after it."""
    time = VirtualTime()
    caller = SlowCaller(time, rate)
    around = Surroundings(BoundedAccount("buffers", 1 << 24), Counts(), time.now, time.later)
    upstream = Idle()
    flow = caller.flow = Flow(upstream, StreamingConfig(on_slow_reader=policy), Wishes("chat", caller=caller), around)
    flow.start(caller)
    waiting: list[bytes] = []
    made_bytes = 0
    words = itertools.cycle(TOKENS["English"])
    for number in itertools.count():
        time.move(number * interval)
        if number < tokens:
            waiting.append(chunk("chatcmpl-0000000000000000", "m", 1, {"content": next(words)}))
            made_bytes += len(waiting[-1])
        if waiting and not upstream.paused:
            flow.push(b"".join(waiting))
            waiting = []
        if number >= tokens and not waiting:
            break
    flow.end(None)
    while not caller.ended:
        time.move(time.now() + interval)
    return Relief(tokens, made_bytes, caller.events, caller.bytes, caller.writes, time.now(), "".join(caller.told))


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.merging", description=__doc__)
    words.add_argument("--interval", type=float, default=0.008, metavar="SECONDS")
    words.add_argument("--longest", type=float, nargs="*", default=[0.02, 0.05, 0.1], metavar="SECONDS")
    given = words.parse_args()
    print(f"500 tokens, one each {given.interval * 1000:g} ms, for a caller that is far away\n")
    print(
        "| answer | merged within | events | KiB | packets | mean delay ms | worst ms |\n|---|---|---|---|---|---|---|"
    )
    for language, longest in itertools.product(TOKENS, (None, *given.longest)):
        cost = measure(language, given.interval, longest)
        name = "not merged" if longest is None else f"{longest * 1000:g} ms"
        print(
            f"| {language} | {name} | {cost.events} | {cost.bytes / 1024:.1f} | {cost.packets} "
            f"| {cost.mean_delay * 1000:.1f} | {cost.worst_delay * 1000:.1f} |"
        )
    rate = 4096
    print(f"\n20,000 tokens, one each {given.interval * 1000:g} ms, for a caller that takes {rate} bytes a second\n")
    print("| on_slow_reader | events made | sent | KiB made | sent | packets | events made a packet | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for policy in SLOWLY:
        one = relieve(policy, given.interval, rate)
        print(
            f"| {policy} | {one.made} | {one.events} | {one.made_bytes / 1024:.0f} | {one.bytes / 1024:.0f} "
            f"| {one.packets} | {one.made / one.packets:.1f} | {one.seconds:.0f} |"
        )


if __name__ == "__main__":
    main()
