"""How busy one upstream is and how fast, learned from nothing but the calls that pass. Pure; times are passed in.

On dispatch a call's uncached prompt tokens are credited; its first token releases them; its end frees its place in the
decode batch (token accounting at the gateway, as llm-d's "sticky until saturated" and SGLang's least_load do it). Two
lines are learned: time to first token by the tokens waiting, and inter-token latency by the calls decoding.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock.routing.line import Line
from penstock.routing.peak import Peak

PRIOR_FIRST = (0.05, 1 / 8000)
"""Seconds to the first token of an idle server, and per token of prompt."""
PRIOR_GAP = (0.02, 0.0002)
"""Seconds between tokens for one call alone, and per further call in its batch."""
FRESH_SECONDS = 15.0
"""A scraped page tells of the present for so long."""


class Peers:
    """What is known of upstreams in general: the start of those that are new."""

    __slots__ = ("first", "gap")

    def __init__(self) -> None:
        self.first = Line(*PRIOR_FIRST)
        self.gap = Line(*PRIOR_GAP)

    def __repr__(self) -> str:
        return f"<Peers first {self.first!r}, gap {self.gap!r}>"


@dataclass(slots=True)
class Scraped:
    """What an upstream's own metrics said at the moment ``at``; None where it has no such metric. ``ours``: our calls
    in flight there at that moment: what it has beyond these is other gateways'."""

    at: float
    running: float | None = None
    waiting: float | None = None
    kv: float | None = None
    ours: int = 0


class Stay:
    """One call at an upstream. ``work``: prompt tokens to be computed; ``ahead``: those that waited before it;
    ``expected``: seconds to its first token; ``first``: the moment of that, 0 until then."""

    __slots__ = ("ahead", "batch", "began", "expected", "first", "work")

    def __init__(self, began: float, work: float, ahead: float, expected: float) -> None:
        self.began = began
        self.work = work
        self.ahead = ahead
        self.expected = expected
        self.first = 0.0
        self.batch = 0

    def __repr__(self) -> str:
        return f"<Stay of {self.work:.0f} tokens behind {self.ahead:.0f} since {self.began:.3f}>"


class Load:
    """See the module. ``waiting``: tokens of prompts not yet computed; ``decoding``: calls past their first token;
    ``peak_first`` and ``peak_gap``: seconds to the first token and between tokens, peaks weighing most."""

    __slots__ = ("decoding", "first", "gap", "peak_first", "peak_gap", "peers", "scraped", "stays", "waiting")

    def __init__(self, peers: Peers) -> None:
        self.peers = peers
        self.first = peers.first
        self.gap = peers.gap
        self.waiting = 0.0
        self.decoding = 0
        self.stays: dict[Stay, None] = {}
        self.peak_first = Peak()
        self.peak_gap = Peak()
        self.scraped: Scraped | None = None

    def begin(self, now: float, work: float) -> Stay:
        """A call with ``work`` uncached prompt tokens is sent."""
        ahead = self.waiting
        stay = Stay(now, work, ahead, self.first.at(ahead + work))
        self.waiting = ahead + work
        self.stays[stay] = None
        return stay

    def first_token(self, stay: Stay, now: float) -> None:
        """Its first token is here."""
        if stay.first or stay not in self.stays:
            return
        self._release(stay)
        stay.first = now
        self.decoding += 1
        stay.batch = self.decoding
        if self.first is self.peers.first:
            self.first = self.peers.first.copy()
        took = now - stay.began
        self.peak_first.learn(took, now)
        self.first.learn(stay.ahead + stay.work, took)
        self.peers.first.learn(stay.ahead + stay.work, took)

    def end(self, stay: Stay, now: float, tokens: int = 0) -> None:
        """It has ended after ``tokens`` of answer; 0 when nothing is to be learned from it."""
        if stay.first:
            batch = (stay.batch + self.decoding) / 2
            self.decoding -= 1
            if tokens > 1:
                self._learn_gap(now, batch, (now - stay.first) / (tokens - 1))
        elif stay in self.stays:
            # A whole answer shows no first token: what it took beyond the expected one was decoding.
            self._release(stay)
            if tokens > 1:
                beyond = now - stay.began - stay.expected
                if beyond > 0:
                    self._learn_gap(now, self.decoding + len(self.stays) + 1, beyond / tokens)

    def _learn_gap(self, now: float, batch: float, gap: float) -> None:
        self.peak_gap.learn(gap, now)
        if self.gap is self.peers.gap:
            self.gap = self.peers.gap.copy()
        self.gap.learn(batch, gap)
        self.peers.gap.learn(batch, gap)

    def _release(self, stay: Stay) -> None:
        del self.stays[stay]
        # Sums of floats: an upstream without calls has exactly nothing waiting.
        self.waiting = self.waiting - stay.work if self.stays else 0.0

    def overdue(self, now: float) -> float:
        """Seconds by which the call that waits longest is later than expected: a hung or slowed server shows here
        long before its next first token could be learned from."""
        for stay in self.stays:
            late = now - stay.began - stay.expected
            return late if late > 0 else 0.0
        return 0.0

    def kv(self, now: float) -> float:
        """The used share of its KV cache, if a page told lately; else 0. Stale never means full."""
        scraped = self.scraped
        if scraped is None or scraped.kv is None or now - scraped.at > FRESH_SECONDS:
            return 0.0
        return scraped.kv

    def others(self, now: float) -> float:
        """Calls there that did not come through us, if a page told lately; else 0."""
        scraped = self.scraped
        if scraped is None or scraped.running is None or now - scraped.at > FRESH_SECONDS:
            return 0.0
        return max(0.0, scraped.running + (scraped.waiting or 0.0) - scraped.ours)

    def __repr__(self) -> str:
        return f"<Load {self.waiting:.0f} tokens waiting, {self.decoding} decoding>"
