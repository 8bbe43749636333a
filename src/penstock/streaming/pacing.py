"""Token buckets: how many tokens may flow now, and when the next may. Pure; time is passed in.

A stream has one bucket and shares another with all streams of its key. More than is there may be taken (an event is not
divided); the debt is paid by waiting longer.
"""

from __future__ import annotations


class Bucket:
    """``rate`` tokens a second flow in, up to ``burst``."""

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._at = now

    def level(self, now: float) -> float:
        """Tokens that are there; below zero while a debt is paid."""
        if now > self._at:
            self._level = min(self._burst, self._level + (now - self._at) * self._rate)
            self._at = now
        return self._level

    def take(self, tokens: int, now: float) -> None:
        """Let ``tokens`` go."""
        self._level = self.level(now) - tokens

    def wait(self, now: float) -> float:
        """Seconds until a whole token is there."""
        return max(0.0, (1.0 - self.level(now)) / self._rate)

    def __repr__(self) -> str:
        return f"<Bucket {self._level:g}/{self._burst:g} at {self._rate:g} a second>"


class SharedBuckets:
    """A bucket for each key that has streams open. The table is as large as there are such keys."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, float, float], tuple[Bucket, list[int]]] = {}

    def join(self, key: str, rate: float, burst: float, now: float) -> Bucket:
        """The bucket of ``key`` for one more stream; each ``join`` wants its ``leave``."""
        known = self._buckets.get((key, rate, burst))
        if known is None:
            known = self._buckets[key, rate, burst] = (Bucket(rate, burst, now), [0])
        known[1][0] += 1
        return known[0]

    def leave(self, key: str, rate: float, burst: float) -> None:
        """A stream of ``key`` has ended; the last one takes the bucket with it."""
        _, users = self._buckets[key, rate, burst]
        users[0] -= 1
        if not users[0]:
            del self._buckets[key, rate, burst]

    def __len__(self) -> int:
        return len(self._buckets)

    def __repr__(self) -> str:
        return f"<SharedBuckets of {len(self._buckets)} keys>"
