"""What may be asked of the past, by name: one table. Pure.

Enters: the Totals of a span of time. Leaves: a number in the unit that the table tells, or None where nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from penstock.core.windows import GAUGES, Part
from penstock.history.planes import Ranks

MICRO = 1_000_000
FAILED = "calls that failed by the fault of upstream or gateway"
FAULTS = "faults"
"""Stands among the columns of a measure that reads them."""


class Totals:
    """Sums of a span of time. ``numbers`` by column, seconds and dollars as millionths; ``lanes`` by sketch (see
    planes); ``seconds`` are those of which something is known."""

    __slots__ = ("_ranks", "faults", "lanes", "numbers", "seconds")

    def __init__(self) -> None:
        self.numbers: dict[str, float] = {}
        self.faults: dict[str, int] = {}
        self.lanes: dict[str, int] = {}
        self.seconds = 0.0
        self._ranks: dict[str, Ranks] = {}

    def __getitem__(self, name: str) -> float:
        return self.numbers.get(name, 0)

    def quantile(self, sketch: str, share: float) -> float | None:
        """Of the values in ``sketch``, once all of them are added."""
        ranks = self._ranks.get(sketch)
        if ranks is None:
            ranks = self._ranks[sketch] = Ranks(self.lanes.get(sketch, 0))
        return ranks.quantile(share)

    def __repr__(self) -> str:
        return f"<Totals {self.numbers}>"


class Measure(NamedTuple):
    """``of``: what it is told of: ``calls`` by model, upstream and operation; ``gauge`` and ``feedback`` of the whole;
    ``columns``, ``sketch``: what ``value`` reads."""

    unit: str
    meaning: str
    value: Callable[[Totals], float | None]
    columns: tuple[str, ...] = ()
    sketch: str = ""
    of: Literal["calls", "gauge", "feedback"] = "calls"


def _per_second(name: str) -> Callable[[Totals], float | None]:
    return lambda totals: totals[name] / totals.seconds if totals.seconds else None


def _part_of(name: str, whole: str) -> Callable[[Totals], float | None]:
    return lambda totals: totals[name] / totals[whole] if totals[whole] else None


def _mean_seconds(name: str, number: str = "calls") -> Callable[[Totals], float | None]:
    return lambda totals: totals[name] / totals[number] / MICRO if totals[number] else None


def _dollars_an_hour(name: str) -> Callable[[Totals], float | None]:
    return lambda totals: totals[name] / MICRO * 3600 / totals.seconds if totals.seconds else None


def _faults(*whose: str) -> Callable[[Totals], float | None]:
    def value(totals: Totals) -> float | None:
        return sum(totals.faults.get(one, 0) for one in whose) / totals["calls"] if totals["calls"] else None

    return value


def _quantile(sketch: str, share: float) -> Callable[[Totals], float | None]:
    return lambda totals: totals.quantile(sketch, share)


def _gauge(name: str) -> Callable[[Totals], float | None]:
    return lambda totals: totals[name]


_SKETCHED = {
    "total": ("totals", "whole duration of calls that ended well"),
    "ttft": ("firsts", "time to the first byte of streams that an upstream answered"),
    "gap": ("gaps", "mean time between two tokens of a call"),
    "queue": ("queues", "time that calls which waited in the queue waited there"),
    "overhead": ("overheads", "Penstock's own share of a call"),
}
_GAUGE_UNITS = {
    "cpu": "share", "memory": "share", "resident": "B", "loop_lag": "s", "collector_pause": "s", "descriptors": "share",
    "store_latency": "s", "disk_free": "share", "disk_latency": "s", "network": "s", "embedding": "s",
    "connections_waited": "s", "cache_bytes": "B", "held_bytes": "B",
}  # fmt: skip
_OF_CALLS: dict[str, Measure] = {
    "calls": Measure("calls", "calls that ended", lambda totals: totals["calls"], ("calls",)),
    "calls_per_second": Measure("1/s", "calls that ended", _per_second("calls"), ("calls",)),
    "stream_share": Measure("share", "calls that were streams", _part_of("streams", "calls"), ("streams", "calls")),
    "error_share": Measure("share", FAILED, _faults("gateway", "upstream"), ("calls", FAULTS)),
    "error_share_upstream": Measure("share", "failed by the upstream's fault", _faults("upstream"), ("calls", FAULTS)),
    "error_share_gateway": Measure("share", "failed by the gateway's fault", _faults("gateway"), ("calls", FAULTS)),
    "error_share_caller": Measure("share", "calls that were wrong", _faults("caller"), ("calls", FAULTS)),
    "left_share": Measure("share", "calls whose caller went away", _faults("left"), ("calls", FAULTS)),
    "retry_share": Measure("share", "calls tried more than once", _part_of("retried", "calls"), ("retried", "calls")),
    "rescue_share": Measure("share", "calls rescued in midstream", _part_of("rescued", "calls"), ("rescued", "calls")),
    "hedge_share": Measure("share", "calls with two attempts", _part_of("hedged", "calls"), ("hedged", "calls")),
    "batch_share": Measure("share", "calls that went with others", _part_of("batched", "calls"), ("batched", "calls")),
    "degraded_share": Measure("share", "calls answered by less", _part_of("degraded", "calls"), ("degraded", "calls")),
    "hit_rate": Measure(
        "share", "of the calls that the cache was asked for", _part_of("hits", "looked_up"), ("hits", "looked_up")
    ),
    "hit_share": Measure("share", "of all calls, cache answers", _part_of("hits", "calls"), ("hits", "calls")),
    "tokens_in_per_second": Measure("1/s", "tokens of prompts", _per_second("tokens_in"), ("tokens_in",)),
    "tokens_out_per_second": Measure("1/s", "tokens of answers", _per_second("tokens_out"), ("tokens_out",)),
    "tokens_reasoning_per_second": Measure(
        "1/s", "tokens of reasoning, among those of answers", _per_second("tokens_reasoning"), ("tokens_reasoning",)
    ),
    "token_cache_rate": Measure(
        "share", "of the tokens of prompts, those that upstreams had cached", _part_of("tokens_cached", "tokens_in"),
        ("tokens_cached", "tokens_in"),
    ),
    "token_rate": Measure(
        "1/s", "tokens of an answer in a second while it is made",
        lambda totals: totals["tokens_out"] * MICRO / totals["generating"] if totals["generating"] else None,
        ("tokens_out", "generating"),
    ),
    "prompt_tokens": Measure("tokens", "of a call's prompt", _part_of("tokens_in", "calls"), ("tokens_in", "calls")),
    "answer_tokens": Measure("tokens", "of a call's answer", _part_of("tokens_out", "calls"), ("tokens_out", "calls")),
    "total_mean": Measure("s", "whole duration of all calls", _mean_seconds("total"), ("total", "calls")),
    "prefill_mean": Measure("s", "reading the prompt", _mean_seconds("prefill", "streams"), ("prefill", "streams")),
    "connect_mean": Measure("s", "connecting to the upstream", _mean_seconds("connecting"), ("connecting", "calls")),
    "upstream_mean": Measure("s", "waiting for the upstream", _mean_seconds("waited"), ("waited", "calls")),
    "queue_mean": Measure("s", "waiting in the queue, of all calls", _mean_seconds("queued"), ("queued", "calls")),
    "overhead_mean": Measure("s", "Penstock's own share of a call", _mean_seconds("overhead"), ("overhead", "calls")),
    "bytes_in_per_second": Measure("B/s", "bodies of calls", _per_second("bytes_in"), ("bytes_in",)),
    "bytes_out_per_second": Measure("B/s", "bodies of answers", _per_second("bytes_out"), ("bytes_out",)),
    "cost": Measure("$", "what calls cost", lambda totals: totals["cost"] / MICRO, ("cost",)),
    "cost_per_hour": Measure("$/h", "what calls cost", _dollars_an_hour("cost"), ("cost",)),
    "saved_per_hour": Measure("$/h", "what was saved", _dollars_an_hour("saved"), ("saved",)),
    "cost_per_call": Measure("$", "what a call cost", _mean_seconds("cost"), ("cost", "calls")),
}  # fmt: skip
MEASURES: Mapping[str, Measure] = {
    **_OF_CALLS,
    **{
        f"{name}_p{percent}": Measure(
            "s", f"{meaning}, which {percent} % were within", _quantile(sketch, percent / 100), sketch=sketch
        )
        for name, (sketch, meaning) in _SKETCHED.items()
        for percent in (50, 90, 95, 99)
    },
    **{
        gauge: Measure(
            _GAUGE_UNITS.get(gauge, "number"), "mean over time, of what workers read", _gauge(gauge), of="gauge"
        )
        for gauge in GAUGES
    },
    **{
        f"{gauge}_peak": Measure(
            _GAUGE_UNITS.get(gauge, "number"), "the worst that was read", _gauge(f"{gauge}_peak"), of="gauge"
        )
        for gauge in GAUGES
    },
    "score": Measure("share", "what callers thought of answers, 0 to 1", _part_of("score", "scores"), of="feedback"),
}

_PART_COLUMNS = frozenset(Part.__struct_fields__)
BY_PART: Mapping[str, Measure] = {
    **{name: one for name, one in _OF_CALLS.items() if _PART_COLUMNS.issuperset(one.columns)},
    "error_share": Measure(
        "share", FAILED, _part_of("failed", "calls"),
        ("failed", "calls"),
    ),
}  # fmt: skip
"""What may be asked by ``dimension``: less is kept of each value."""
BY_ROOM: Mapping[str, Measure] = {
    "wait_mean": Measure("s", "what the room made a call wait, of all calls", _mean_seconds("wait"), ("wait", "calls")),
}
"""What may be asked of the rooms (``dimension=room``)."""
