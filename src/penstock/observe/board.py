"""The numbers of one worker: a tally per (operation, model, upstream, status, fault), and histograms. Pure.

Enters: ended calls, many together, and at once what of a few their records do not tell. Leaves: a ``dump`` of plain
values, which merges over workers and renders as Prometheus text. Labels come from the configuration and from closed
sets, never from a caller's words, and are bounded besides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from penstock.core.exchange import Exchange
from penstock.core.sheaves import Sheaf
from penstock.observe.histogram import CONNECT_SECONDS, GAP_SECONDS, OVERHEAD_SECONDS, SECONDS, Histogram
from penstock.observe.tags import Tags

MAX_TALLIES = 2000
MAX_TIMES = 500
"""Of calls, by operation and model; of tokens, by model and upstream."""

Key = tuple[str, str, str, int, str]


class Tally:
    """Counts of the calls that share a key."""

    __slots__ = (
        "bytes_in", "bytes_out", "calls", "tokens_cached", "tokens_in", "tokens_out", "tokens_reasoning",
    )  # fmt: skip

    def __init__(self) -> None:
        self.calls = self.tokens_in = self.tokens_out = self.tokens_cached = self.tokens_reasoning = 0
        self.bytes_in = self.bytes_out = 0

    def add(self, numbers: Iterable[int]) -> None:
        """Count more, in the order of ``numbers``."""
        for name, number in zip(COUNTED, numbers, strict=True):
            setattr(self, name, getattr(self, name) + number)

    def numbers(self) -> list[int]:
        """As a list."""
        return [getattr(self, name) for name in COUNTED]

    def __repr__(self) -> str:
        return f"<Tally {self.calls} calls>"


COUNTED: Final[tuple[str, ...]] = (
    "calls", "tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "bytes_in", "bytes_out",
)  # fmt: skip


class Times:
    """Histograms of the calls that share a name. ``named``: which, with their bounds."""

    __slots__ = ("of",)

    def __init__(self, named: Mapping[str, tuple[float, ...]]) -> None:
        self.of = {name: Histogram(bounds) for name, bounds in named.items()}

    def dump(self) -> dict[str, Any]:
        return {name: [histogram.counts, histogram.sum] for name, histogram in self.of.items()}

    def load(self, dump: dict[str, Any]) -> None:
        for name, (counts, total) in dump.items():
            self.of[name].add(counts, total)

    def __repr__(self) -> str:
        return f"<Times {self.of!r}>"


CALL: Final = {"request": SECONDS, "first_byte": SECONDS, "queue": SECONDS}
TOKEN: Final = {"first_token": SECONDS, "prefill": SECONDS, "gap": GAP_SECONDS, "connect": CONNECT_SECONDS}
Pair = tuple[str, str]


class Board:
    """See the module. ``times`` are by operation and model, ``tokens`` by model and upstream, ``waits`` seconds by
    room, ``heard`` the number and sum of scores by model."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.left = 0
        self.saved = 0.0
        self.retries: Counter[tuple[str, str]] = Counter()
        self.rescues: Counter[str] = Counter()
        self.hedges: Counter[str] = Counter()
        self.hedge_tokens = 0.0
        self.overhead = Histogram(OVERHEAD_SECONDS)
        self.waits: Counter[str] = Counter()
        self.times: dict[Pair, Times] = {}
        self.tokens: dict[Pair, Times] = {}
        self.tags = Tags()
        self.heard: dict[str, list[float]] = {}
        self._tallies: dict[Key, Tally] = {}

    # ---- as calls end

    def note(self, exchange: Exchange) -> None:
        """At the end of a call that left, or did not go smoothly: what its record does not tell."""
        if exchange.outcome == "left":
            self.left += 1
            self.saved += self._unspent(exchange)
        if exchange.failures is not None:
            retried = exchange.failures[: max(0, exchange.attempts - 1)]
            self.retries.update([(kind, family(upstream)) for kind, upstream in retried])
            self.rescues.update(exchange.rescues or ())
        if exchange.hedge is not None:
            how, tokens = exchange.hedge
            self.hedges[how] += 1
            self.hedge_tokens += tokens

    def hear(self, model: str, score: float) -> None:
        """A caller thought so of an answer of ``model``: 0 (bad) to 1."""
        if model not in self.heard and len(self.heard) >= MAX_TIMES:
            model = "other"
        heard = self.heard.setdefault(model, [0, 0.0])
        heard[0] += 1
        heard[1] += score

    def take(self, sheaves: Sequence[Sheaf]) -> None:
        """Count ended calls. A caller that left before an answer counts as status 499."""
        for sheaf in sheaves:
            self._count(sheaf)
            self._time(sheaf)
            self.tags.take(sheaf)

    def _count(self, sheaf: Sheaf) -> None:
        columns = sheaf.columns
        key = (sheaf.operation, sheaf.entry, sheaf.upstream, sheaf.status, sheaf.fault)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._new_tally(key)
        tally.add((
            sheaf.number, sum(columns.tokens_in), sum(columns.tokens_out), sum(columns.tokens_cached),
            sum(columns.tokens_reasoning), sum(columns.bytes_in), sum(columns.bytes_out),
        ))  # fmt: skip
        for waits in filter(None, columns.waits):
            self.waits.update(waits)

    def _time(self, sheaf: Sheaf) -> None:
        columns = sheaf.columns
        self.overhead.fill(columns.overhead)
        model = sheaf.entry
        of = _times(self.times, (sheaf.operation, model), CALL).of
        of["request"].fill(columns.total)
        of["first_byte"].fill([first for first in columns.first_byte if first])
        if any(columns.queued):
            of["queue"].fill(columns.queued)
        else:
            of["queue"].counts[0] += sheaf.number
        if sheaf.upstream:
            of = _times(self.tokens, (model, sheaf.upstream), TOKEN).of
            of["first_token"].fill(sheaf.firsts)
            of["prefill"].fill(sheaf.prefills)
            of["gap"].fill(sheaf.gaps)
            if any(columns.connecting):
                of["connect"].fill([seconds for seconds in columns.connecting if seconds])

    def _unspent(self, exchange: Exchange) -> float:
        """The completion tokens that a caller which left spared its upstream, if it had answered as at the mean."""
        upstream = family(exchange.upstream)
        whole = self._tallies.get((exchange.call.operation.name, exchange.model, upstream, 200, ""))
        if whole is None:
            return 0.0
        expected = whole.tokens_out / whole.calls
        most = exchange.call.max_tokens
        return max(0.0, (expected if most is None else min(expected, most)) - exchange.tokens_out)

    def _new_tally(self, key: Key) -> Tally:
        if key not in self._tallies and len(self._tallies) >= MAX_TALLIES:
            key = (key[0], "other", "other", key[3], key[4])
        return self._tallies.setdefault(key, Tally())

    def calls(self) -> list[tuple[Key, int]]:
        """How many calls there were of each key."""
        return [(key, tally.calls) for key, tally in self._tallies.items()]

    # ---- for all workers together

    def dump(self) -> dict[str, Any]:
        """All numbers as plain lists and dicts."""
        return {
            "in_flight": self.in_flight,
            "left": self.left,
            "saved": self.saved,
            "retries": [[kind, upstream, number] for (kind, upstream), number in self.retries.items()],
            "rescues": dict(self.rescues),
            "hedges": [dict(self.hedges), self.hedge_tokens],
            "overhead": [self.overhead.counts, self.overhead.sum],
            "waits": dict(self.waits),
            "times": [[*names, times.dump()] for names, times in self.times.items()],
            "tokens": [[*names, times.dump()] for names, times in self.tokens.items()],
            "tags": self.tags.dump(),
            "heard": [[model, *numbers] for model, numbers in self.heard.items()],
            "tallies": [[list(key), tally.numbers()] for key, tally in self._tallies.items()],
        }

    def load(self, dump: dict[str, Any]) -> None:
        """Add the numbers of another board's dump to this one's."""
        self.in_flight += dump["in_flight"]
        self.left += dump["left"]
        self.saved += dump["saved"]
        self.retries.update({(kind, upstream): number for kind, upstream, number in dump["retries"]})
        self.rescues.update(dump["rescues"])
        hedges, tokens = dump["hedges"]
        self.hedges.update(hedges)
        self.hedge_tokens += tokens
        self.overhead.add(*dump["overhead"])
        self.waits.update(dump["waits"])
        for operation, model, told in dump["times"]:
            _times(self.times, (operation, model), CALL).load(told)
        for model, upstream, told in dump["tokens"]:
            _times(self.tokens, (model, upstream), TOKEN).load(told)
        self.tags.load(dump["tags"])
        for model, number, total in dump["heard"]:
            heard = self.heard.setdefault(model, [0, 0.0])
            heard[0] += number
            heard[1] += total
        for key, numbers in dump["tallies"]:
            operation, model, upstream, status, fault = key
            self._new_tally((operation, model, upstream, status, fault)).add(numbers)

    @property
    def tallies(self) -> dict[Key, Tally]:
        """What was counted, by key."""
        return self._tallies

    def __repr__(self) -> str:
        return f"<Board {sum(t.calls for t in self._tallies.values())} calls, {self.in_flight} in flight>"


def _times(known: dict[Pair, Times], names: Pair, named: Mapping[str, tuple[float, ...]]) -> Times:
    times = known.get(names)
    if times is None:
        names = names if len(known) < MAX_TIMES else ("other", "other")
        times = known.setdefault(names, Times(named))
    return times


def family(upstream: str) -> str:
    """The upstream that an instance (``name@host:port``) belongs to: instances come and go, labels would pile up."""
    return upstream.partition("@")[0]
