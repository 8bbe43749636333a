"""The settings that may be moved while serving: a closed table. What is not in it, nobody can move. Pure.

No key that names an address, a path, a secret or who may call is in it, and none can be let in by a config. ``spread``
is how far a key may move, as multiples of what the file says, where ``insight.optimizer.bounds`` is silent; without
either it is never moved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from penstock.core.units import format_duration, format_size, parse_duration, parse_size

Kind = Literal["duration", "size", "count", "share"]
Safety = Literal["safe", "medium", "unsafe"]
STAR = "*"
"""Stands for a name in a key."""
_TINY = 1e-9
_DIGITS = 3
"""Of a value that was reckoned: a config line that people can read."""


class Knob(NamedTuple):
    """``factor`` is the first step (for a ``share`` what is added or taken), ``finest`` the last; ``first`` the
    direction tried first; ``metric`` what it moves, ``guards`` what it may hurt; ``needs`` another key, without which
    it does nothing."""

    key: str
    kind: Kind
    metric: str
    guards: tuple[str, ...]
    safety: Safety = "safe"
    spread: tuple[float, float] | None = None
    first: int = 1
    factor: float = 2.0
    finest: float = 1.15
    needs: str = ""
    about: str = ""

    def names(self, key: str) -> str | None:
        """What the star of this knob's key stands for in ``key``; "" where it has none, None where it is not meant."""
        before, star, after = self.key.partition(STAR)
        if not star:
            return "" if key == self.key else None
        fits = key.startswith(before) and key.endswith(after) and len(key) > len(before) + len(after)
        return key[len(before) : len(key) - len(after)] if fits else None

    def key_of(self, name: str) -> str:
        """The key with ``name`` for its star."""
        return self.key.replace(STAR, name)

    def read(self, text: str) -> float:
        """The number in ``text``. Raises ValueError."""
        number = _PARSE[self.kind](text)
        if not math.isfinite(number) or number < 0:
            raise ValueError("must be a number from 0 on")
        return number

    def write(self, value: float) -> str:
        """``value`` as a config file would have it."""
        return _FORMAT[self.kind](value)

    def place(self, value: float) -> float:
        """Where ``value`` is on the scale on which its steps are even."""
        return value if self.kind == "share" else math.log(max(value, _TINY))

    def rounded(self, value: float) -> float:
        """``value`` as people would choose it: with few digits, or whole."""
        if self.kind == "size":
            unit = 2**20 if value >= 16 * 2**20 else 2**10
            return float(max(1, round(value / unit)) * unit)
        short = float(f"{value:.{_DIGITS}g}")
        return float(round(short)) if self.kind == "count" else short


def _count(text: str) -> float:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError("must be a whole number")
    return float(text)


_PARSE: Mapping[Kind, Callable[[str], float]] = {
    "duration": parse_duration, "size": parse_size, "count": _count, "share": float,
}  # fmt: skip
_FORMAT: Mapping[Kind, Callable[[Any], str]] = {
    "duration": format_duration,
    "size": lambda value: format_size(round(value)),
    "count": lambda value: str(round(value)),
    "share": lambda value: f"{value:g}",
}  # fmt: skip

KNOBS: tuple[Knob, ...] = (
    Knob("cache.memory", "size", "hit_rate", ("memory",), spread=(0.25, 2.0), needs="cache.exact.enabled",
         about="answers held in memory"),
    Knob("cache.exact.ttl", "duration", "hit_rate", ("dislikes", "memory"), "medium", needs="cache.exact.enabled",
         about="age of kept answers"),
    Knob("cache.semantic.max_error", "share", "hit_rate", ("dislikes",), "unsafe", factor=0.005, finest=0.001,
         needs="cache.semantic.enabled", about="wrong answers that the semantic cache may give"),
    Knob("batching.max_wait", "duration", "latency_p95", ("ttft_p95",), spread=(0.25, 4.0), first=-1,
         needs="batching.enabled", about="how long calls wait for others"),
    Knob("batching.max_items", "count", "latency_p95", ("ttft_p95",), spread=(0.5, 4.0), needs="batching.enabled",
         about="size of a batch"),
    Knob("grouping.max_wait", "duration", "ttft_p95", ("token_rate",), spread=(0.25, 2.0), first=-1,
         needs="grouping.group_by", about="how long chats wait for their like"),
    Knob("admission.limit", "count", "goodput", ("ttft_p95", "memory"), "medium", spread=(0.5, 2.0),
         about="calls served at once"),
    Knob("upstreams.*.max_in_flight", "count", "goodput", ("ttft_p95",), "medium", spread=(0.5, 4.0),
         about="calls at once that an upstream is given"),
    Knob("upstreams.*.weight", "count", "latency_mean", ("cost_per_call",), "medium", spread=(0.25, 8.0),
         about="an upstream's share"),
    Knob("hedge.least_delay", "duration", "ttft_p95", ("cost_per_call",), "medium", spread=(0.5, 4.0), first=-1,
         needs="hedge.enabled", about="when a second upstream is asked"),
    Knob("hedge.percentile", "share", "ttft_p95", ("cost_per_call",), "medium", first=-1, factor=0.04, finest=0.01,
         needs="hedge.enabled", about="who counts as late"),
    Knob("timeouts.first_token", "duration", "latency_p95", ("error_share",), "medium", first=-1,
         about="how long a first token may take"),
    Knob("affinity.slack", "duration", "ttft_p95", ("cost_per_call",), spread=(0.25, 4.0), needs="affinity.enabled",
         about="how much slower a session's upstream may be"),
    Knob("streaming.merge.longest", "duration", "latency_p95", ("ttft_p95",), spread=(0.25, 4.0),
         needs="streaming.merge.enabled", about="how long short events are held back"),
    Knob("streaming.pace.burst", "count", "latency_p95", ("ttft_p95",), spread=(0.5, 4.0),
         needs="streaming.pace.per_stream", about="tokens at once after a silence"),
    Knob("memory.collector.high", "share", "memory", ("collector_pause",), spread=(0.85, 1.1), first=-1, factor=0.05,
         finest=0.02, about="from where on everything is looked at"),
    Knob("memory.collector.pause", "duration", "collector_pause", ("memory",), spread=(0.25, 4.0), first=-1,
         about="the longest collection while calls are in flight"),
)  # fmt: skip


def knob_of(key: str) -> Knob | None:
    """The knob that ``key`` is one of."""
    return next((knob for knob in KNOBS if knob.names(key) is not None), None)


def bounds_of(knob: Knob, key: str, written: float, bounds: Mapping[str, list[str]]) -> tuple[float, float] | None:
    """Between what ``key`` may move, of which the file says ``written``; None for nowhere. Raises ValueError."""
    given = bounds.get(key, bounds.get(knob.key))
    if given is not None:
        low, high = (knob.read(text) for text in given)
        return low, high
    if knob.spread is None or written <= 0:
        return None
    low, high = written * knob.spread[0], written * knob.spread[1]
    if knob.kind == "share":
        high = min(high, 0.99)
    return (max(1.0, low), high) if knob.kind == "count" else (low, high)
