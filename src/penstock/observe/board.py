"""The numbers of one worker: a tally per (operation, model, upstream, status, fault), and histograms. Pure.

Enters: finished exchanges. Leaves: a ``dump`` of plain values, which merges over workers and renders as Prometheus
text. Labels come from the configuration and from closed sets, never from a caller's words, and are bounded besides.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Any

from penstock.core.exchange import Exchange
from penstock.observe.histogram import OVERHEAD_SECONDS, SECONDS, Histogram

MAX_TALLIES = 2000

Key = tuple[str, str, str, int, str]


class Tally:
    """Counts of the calls that share a key."""

    __slots__ = ("bytes_in", "bytes_out", "calls", "first_byte", "seconds", "tokens_cached", "tokens_in", "tokens_out")

    def __init__(self) -> None:
        self.calls = 0
        self.tokens_in = 0
        self.tokens_out = 0
        self.tokens_cached = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.seconds = Histogram(SECONDS)
        self.first_byte = Histogram(SECONDS)

    def __repr__(self) -> str:
        return f"<Tally {self.calls} calls>"


class Board:
    """See the module."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.left = 0
        self.saved = 0.0
        self.retries: Counter[tuple[str, str]] = Counter()
        self.rescues: Counter[str] = Counter()
        self.hedges: Counter[str] = Counter()
        self.hedge_tokens = 0.0
        self.overhead = Histogram(OVERHEAD_SECONDS)
        self._tallies: dict[Key, Tally] = {}

    def record(self, exchange: Exchange) -> None:
        """Count a finished exchange. A caller that left before an answer counts as status 499."""
        error = exchange.error
        status = exchange.status
        if exchange.outcome == "left":
            self.left += 1
            status = 499
            self.saved += self._unspent(exchange)
        upstream = exchange.upstream
        if "@" in upstream:
            upstream = family(upstream)
        key = (
            exchange.call.operation.name,
            exchange.model,
            upstream,
            status,
            "" if error is None else error.fault,
        )
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._new_tally(key)
        # Histogram.observe, written out: this runs once a call, and a method call costs as much as its body.
        started = exchange.started
        overhead = self.overhead
        overhead.counts[bisect_left(OVERHEAD_SECONDS, exchange.overhead)] += 1
        overhead.sum += exchange.overhead
        total = exchange.ended - started
        tally.calls += 1
        seconds = tally.seconds
        seconds.counts[bisect_left(SECONDS, total)] += 1
        seconds.sum += total
        if exchange.first_byte:
            first = exchange.first_byte - started
            first_byte = tally.first_byte
            first_byte.counts[bisect_left(SECONDS, first)] += 1
            first_byte.sum += first
        tally.bytes_in += exchange.bytes_in
        tally.bytes_out += exchange.bytes_out
        if exchange.tokens_in or exchange.tokens_out:
            tally.tokens_in += exchange.tokens_in
            tally.tokens_out += exchange.tokens_out
            tally.tokens_cached += exchange.tokens_cached
        if exchange.failures is not None:
            self._note_failures(exchange)
        if exchange.hedge is not None:
            how, tokens = exchange.hedge
            self.hedges[how] += 1
            self.hedge_tokens += tokens

    def _note_failures(self, exchange: Exchange) -> None:
        """Count what failed at upstreams and was tried again, and how streams that broke went on."""
        failures = exchange.failures or []
        retried = failures[: max(0, exchange.attempts - 1)]
        self.retries.update([(kind, family(upstream)) for kind, upstream in retried])
        self.rescues.update(exchange.rescues or ())

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
        if len(self._tallies) >= MAX_TALLIES:
            key = (key[0], "other", "other", key[3], key[4])
        return self._tallies.setdefault(key, Tally())

    def calls(self) -> list[tuple[Key, int]]:
        """How many calls there were of each key."""
        return [(key, tally.calls) for key, tally in self._tallies.items()]

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
            "tallies": [
                [
                    list(key),
                    [tally.calls, tally.tokens_in, tally.tokens_out, tally.tokens_cached, tally.bytes_in,
                     tally.bytes_out],
                    [tally.seconds.counts, tally.seconds.sum],
                    [tally.first_byte.counts, tally.first_byte.sum],
                ]
                for key, tally in self._tallies.items()
            ],
        }  # fmt: skip

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
        for key, counts, seconds, first_byte in dump["tallies"]:
            operation, model, upstream, status, fault = key
            tally = self._new_tally((operation, model, upstream, status, fault))
            tally.calls += counts[0]
            tally.tokens_in += counts[1]
            tally.tokens_out += counts[2]
            tally.tokens_cached += counts[3]
            tally.bytes_in += counts[4]
            tally.bytes_out += counts[5]
            tally.seconds.add(*seconds)
            tally.first_byte.add(*first_byte)

    @property
    def tallies(self) -> dict[Key, Tally]:
        """What was counted, by key."""
        return self._tallies

    def __repr__(self) -> str:
        return f"<Board {sum(t.calls for t in self._tallies.values())} calls, {self.in_flight} in flight>"


def family(upstream: str) -> str:
    """The upstream that an instance (``name@host:port``) belongs to: instances come and go, labels would pile up."""
    return upstream.partition("@")[0]
