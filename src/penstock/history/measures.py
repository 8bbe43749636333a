"""What may be asked of the past, by name: one table. Pure.

Enters: the Curve of a series. Leaves: for each step a number in the unit that the table tells, or None where nothing is
known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from penstock.core.windows import GAUGES, Part
from penstock.history.planes import EMPTY, Pile, Ranks

MICRO = 1_000_000
FAILED = "calls that failed by the fault of upstream or gateway"
Points = Sequence[float | None]
"""One for each step."""


class Curve:
    """Sums of one series by step: ``numbers`` by column, seconds and dollars as millionths; ``gauges``, None where they
    were not read. ``seconds`` of each step are those of which something is known; ``calls`` are those of all steps."""

    __slots__ = ("_piles", "_ranks", "calls", "gauges", "numbers", "seconds")

    def __init__(self, seconds: list[float]) -> None:
        self.seconds = seconds
        self.calls = 0
        self.numbers: dict[str, list[float]] = {}
        self.gauges: dict[str, list[float | None]] = {}
        self._piles: dict[str, list[Pile]] = {}
        self._ranks: dict[str, list[Ranks]] = {}

    def __getitem__(self, name: str) -> list[float]:
        return self.numbers.get(name) or [0] * len(self.seconds)

    def column(self, name: str) -> list[float]:
        """To add to."""
        return self.numbers.get(name) or self.numbers.setdefault(name, [0] * len(self.seconds))

    def piles(self, sketch: str) -> list[Pile]:
        """To add to."""
        return self._piles.get(sketch) or self._piles.setdefault(sketch, [EMPTY] * len(self.seconds))

    def quantiles(self, sketch: str, share: float) -> Points:
        """Of the values in ``sketch``, once all of them are added."""
        ranks = self._ranks.get(sketch)
        if ranks is None:
            ranks = self._ranks[sketch] = [Ranks(pile) for pile in self.piles(sketch)]
        return [one.quantile(share) for one in ranks]

    def __repr__(self) -> str:
        return f"<Curve of {self.calls} calls>"


class Measure(NamedTuple):
    """``of``: what it is told of: ``calls`` by model, upstream and operation; ``gauge`` and ``feedback`` of the whole;
    ``columns``, ``sketch``: what ``value`` reads."""

    unit: str
    meaning: str
    value: Callable[[Curve], Points]
    columns: tuple[str, ...] = ()
    sketch: str = ""
    of: Literal["calls", "gauge", "feedback"] = "calls"


def _number(name: str, unit: float = 1) -> Callable[[Curve], Points]:
    return lambda curve: [number / unit for number in curve[name]]


def _per_second(name: str) -> Callable[[Curve], Points]:
    return lambda curve: _ratios(curve[name], curve.seconds)


def _part_of(name: str, whole: str) -> Callable[[Curve], Points]:
    return lambda curve: _ratios(curve[name], curve[whole])


def _mean_seconds(name: str, number: str = "calls") -> Callable[[Curve], Points]:
    return lambda curve: _ratios(curve[name], curve[number], MICRO)


def _dollars_an_hour(name: str) -> Callable[[Curve], Points]:
    return lambda curve: _ratios(curve[name], curve.seconds, MICRO / 3600)


def _quantile(sketch: str, share: float) -> Callable[[Curve], Points]:
    return lambda curve: curve.quantiles(sketch, share)


def _gauge(name: str) -> Callable[[Curve], Points]:
    return lambda curve: curve.gauges.get(name) or [None] * len(curve.seconds)


def _ratios(numbers: Sequence[float], wholes: Sequence[float], unit: float = 1) -> Points:
    return [number / whole / unit if whole else None for number, whole in zip(numbers, wholes, strict=True)]


def _faults(meaning: str, *whose: str) -> Measure:
    columns = tuple(f"faults_{one}" for one in whose)

    def value(curve: Curve) -> Points:
        failed = [sum(those) for those in zip(*(curve[name] for name in columns), strict=True)]
        return _ratios(failed, curve["calls"])

    return Measure("share", meaning, value, ("calls", *columns))


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
    "calls": Measure("calls", "calls that ended", _number("calls"), ("calls",)),
    "calls_per_second": Measure("1/s", "calls that ended", _per_second("calls"), ("calls",)),
    "stream_share": Measure("share", "calls that were streams", _part_of("streams", "calls"), ("streams", "calls")),
    "error_share": _faults(FAILED, "gateway", "upstream"),
    "error_share_upstream": _faults("failed by the upstream's fault", "upstream"),
    "error_share_gateway": _faults("failed by the gateway's fault", "gateway"),
    "error_share_caller": _faults("calls that were wrong", "caller"),
    "left_share": _faults("calls whose caller went away", "left"),
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
        lambda curve: _ratios(curve["tokens_out"], curve["generating"], 1 / MICRO),
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
    "cost": Measure("$", "what calls cost", _number("cost", MICRO), ("cost",)),
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
