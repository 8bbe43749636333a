"""How busy one upstream is and how fast, learned from nothing but the calls that pass. Pure; times are passed in.

On dispatch a call's uncached prompt tokens are credited; its first token releases them; its end frees its place in the
decode batch (token accounting at the gateway, as llm-d's "sticky until saturated" and SGLang's least_load do it). All
peers teach two lines, time to first token by tokens waiting and time between tokens by calls; each has its own pace.
"""

from __future__ import annotations

from typing import Final

from penstock.core.line import Line
from penstock.routing.pace import Pace
from penstock.routing.peak import Peak
from penstock.routing.scraped import Scraped

PRIOR_FIRST = (0.05, 1 / 8000)
"""Seconds to the first token of an idle server, and per token of prompt."""
PRIOR_GAP = (0.02, 0.0002)
"""Seconds between tokens for one call alone, and per further call in its batch."""
FRESH_SECONDS: Final = 15.0
"""A scraped page tells of the present for so long."""
FULL: Final = 0.98
FULL_SECONDS: Final = 0.15
"""k / (1 − k) of the KV cache's use, as in SGLang's least_load."""
BARRIER_SECONDS: Final = 0.002
"""The same where targets are ranked: small, for a page is seconds old and all calls since then have seen it."""
BASE_TOKENS: Final = 64.0
"""What a prompt costs that is cached from end to end."""
LEAST_SLOPE: Final = 1e-7
"""Ten million tokens a second: a line that has no slope yet divides nothing by zero."""
LATE: Final = 0.1
"""A second that the longest waiting call is overdue counts as so many."""


class Peers:
    """What is known of upstreams in general: the start of those that are new."""

    __slots__ = ("first", "gap")

    def __init__(self) -> None:
        self.first = Line(*PRIOR_FIRST)
        self.gap = Line(*PRIOR_GAP)

    def __repr__(self) -> str:
        return f"<Peers first {self.first!r}, gap {self.gap!r}>"


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
    ``peak_first`` and ``peak_gap``: seconds to the first token and between tokens, peaks weighing most; ``pace``: how
    slow it is between tokens, which no queue disturbs; ``pace_first``: to the first. For those who compare many,
    ``slow``, ``queue`` and ``crowd`` are kept ready while somebody does (``ranked``): see ``strategies/wait.py``."""

    __slots__ = (
        "crowd", "decoding", "pace", "pace_first", "peak_first", "peak_gap", "peers", "queue", "ranked", "scraped",
        "slow", "stays", "waiting",
    )  # fmt: skip

    def __init__(self, peers: Peers) -> None:
        self.peers = peers
        self.waiting = 0.0
        self.decoding = 0
        self.stays: dict[Stay, None] = {}
        self.pace = Pace()
        self.pace_first = Pace()
        self.peak_first = Peak()
        self.peak_gap = Peak()
        self.scraped: Scraped | None = None
        self.queue = BASE_TOKENS
        self.slow = 1.0
        self.crowd = 1.0
        self.ranked = False

    def rank(self, now: float) -> None:
        """It is compared with others from now on."""
        if not self.ranked:
            self.ranked = True
            self.refresh(now)

    @property
    def calls(self) -> int:
        """Ours that are there."""
        return self.decoding + len(self.stays)

    def refresh(self, now: float) -> None:
        """Bring ``slow``, ``queue`` and ``crowd`` up to ``now``."""
        self.slow = self.pace.ratio(now)
        self.tally(now)

    def tally(self, now: float) -> None:
        """Bring ``queue`` and ``crowd`` up to ``now``: what a call that begins changes, and time alone."""
        stays = self.stays
        calls = 1.0 + self.decoding + len(stays)
        beyond = 0.0
        for stay in stays:  # the one that waits longest
            late = now - stay.began - stay.expected
            if late > 0.0:
                beyond = LATE * late
            break
        page = self.scraped
        if page is not None and now - page.at <= FRESH_SECONDS:
            if page.running is not None:
                foreign = page.running + (page.waiting or 0.0) - page.ours
                if foreign > 0.0:
                    calls += foreign
            kv = page.kv
            if kv is not None:
                beyond += BARRIER_SECONDS * kv / (1.0 - (kv if kv < FULL else FULL))
        queue = self.slow * (self.waiting + BASE_TOKENS)
        if beyond:
            queue += beyond / (self.peers.first.slope + LEAST_SLOPE)
        self.queue = queue
        slow = self.slow
        self.crowd = calls * calls * calls * slow * slow

    def _slow(self, now: float) -> float:
        return self.slow if self.ranked else self.pace.ratio(now)

    def first_seconds(self, tokens: float, now: float) -> float:
        """Seconds to the first token, expected, of a call with ``tokens`` to be computed."""
        first = self.peers.first
        seconds = self._slow(now) * (first.base + first.slope * (self.waiting + tokens))
        if self.stays:
            seconds += self.overdue(now)
        if self.scraped is not None:
            kv = self.kv(now)
            seconds += FULL_SECONDS * kv / (1.0 - min(kv, FULL))
        return seconds

    def gap_seconds(self, now: float) -> float:
        """Seconds between two tokens, expected, with one call more."""
        gap = self.peers.gap
        calls = 1.0 + self.decoding + len(self.stays)
        if self.scraped is not None:
            calls += self.others(now)
        return self._slow(now) * (gap.base + gap.slope * calls)

    @property
    def first(self) -> Line:
        """Time to the first token by tokens waiting, as learned here; that of all peers until something was."""
        return self.pace_first.of(self.peers.first)

    @property
    def gap(self) -> Line:
        """Time between tokens by calls decoding, likewise."""
        return self.pace.of(self.peers.gap)

    def begin(self, now: float, work: float) -> Stay:
        """A call with ``work`` uncached prompt tokens is sent."""
        ahead = self.waiting
        self.waiting = waiting = ahead + work
        first = self.peers.first
        slow = self.slow if self.ranked else self.pace.ratio(now)
        stay = Stay(now, work, ahead, slow * (first.base + first.slope * waiting))
        self.stays[stay] = None
        if self.ranked:
            self.tally(now)
        return stay

    def first_token(self, stay: Stay, now: float) -> None:
        """Its first token is here."""
        if stay.first or stay not in self.stays:
            return
        self._release(stay)
        stay.first = now
        self.decoding += 1
        stay.batch = self.decoding
        took = now - stay.began
        tokens = stay.ahead + stay.work
        first = self.peers.first
        self.peak_first.learn(took, now)
        self.pace_first.learn(took, first.at(tokens), now)
        first.learn(tokens, took)
        if self.ranked:
            self.refresh(now)

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
                    self._learn_gap(now, self.calls + 1, beyond / tokens)
        if self.ranked:
            self.refresh(now)

    def _learn_gap(self, now: float, batch: float, gap: float) -> None:
        usual = self.peers.gap
        self.peak_gap.learn(gap, now)
        self.pace.learn(gap, usual.at(batch), now)
        usual.learn(batch, gap)

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
