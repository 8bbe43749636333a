"""Which change is the cause of which: a table in the order of causes, first those that nothing else explains. Pure.

Enters: changes that are there together. Leaves: the one that explains the others, and how it is told.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from penstock.core.alert import SEVERITIES, Severity
from penstock.insight.anomalies.rows import Scope
from penstock.insight.anomalies.track import GROWS, Symptom
from penstock.insight.findings import Kind

TIMES = frozenset({"first_token", "token_gap", "queue", "overhead", "in_flight", "queued", "connecting", "calls"})
_COUNTED = TIMES | {"hit_rate", "caller_errors", "gateway_errors", "upstream_errors", "retried"}
_LOOP = _COUNTED | {
    "network", "store_latency", "embedding", "connections_waited", "disk_latency", "cpu", "loop_lag", "dark",
}  # fmt: skip


class Cause(NamedTuple):
    """``explains``: measures that change because of it. ``response``: the proposal that may help. ``least``: a severity
    that it has at least."""

    kind: Kind
    explains: frozenset[str]
    response: str = ""
    least: Severity = "low"


_LESS = _COUNTED | {"dark", "connections_waited"}
"""What fewer answers explain."""
_FLOODED = _LOOP | {"memory", "prompt_tokens", "answer_tokens", "descriptors", "price"}
_DISK = frozenset({"store_latency", "disk_latency", "gateway_errors", "overhead"})

CAUSES: dict[str, Cause] = {
    "price": Cause("cost_spike", frozenset(), "route_away", "medium"),
    "key_calls": Cause("traffic_shift", _FLOODED, "limit_key"),
    "prompt_tokens": Cause("long_prompts", _COUNTED | {"memory", "cpu", "loop_lag", "network"}, "", "medium"),
    "disk": Cause("disk", _DISK, "free_disk", "high"),
    "memory": Cause("memory_pressure", _LOOP | {"collector_pause"}, "collect_memory", "high"),
    "descriptors": Cause("descriptors", _LESS, "free_descriptors", "high"),
    "collector_pause": Cause("collector_pauses", _LOOP, "tune_collector", "medium"),
    "loop_lag": Cause("loop_blocked", _LOOP, "", "medium"),
    "disk_latency": Cause("disk", frozenset({"store_latency", "overhead"}), "", "medium"),
    "store_latency": Cause("store_slow", TIMES | {"hit_rate", "gateway_errors", "embedding"}, "", "medium"),
    "embedding": Cause("embedding_slow", TIMES | {"hit_rate", "cpu"}, "", "medium"),
    "network": Cause("network_slow", TIMES | {"caller_errors"}, "", "medium"),
    "connections_waited": Cause("connections", _COUNTED | {"dark"}, "widen_pool", "medium"),
    "connecting": Cause("connections", _LESS, "widen_pool", "medium"),
    "dark": Cause("upstream_dark", _LESS, "route_away", "high"),
    "upstream_errors": Cause("error_burst", _LESS | {"answer_tokens"}, "route_away", "medium"),
    "retried": Cause("error_burst", _LESS | {"answer_tokens"}, "route_away", "medium"),
    "gateway_errors": Cause("error_burst", _COUNTED, "", "medium"),
    "caller_errors": Cause("error_burst", frozenset({"calls"}) | TIMES, "", "low"),
    "hit_rate": Cause("low_hit_rate", TIMES | {"embedding", "cpu"}, "warm_cache", "medium"),
    "first_token": Cause("high_latency", _LESS, "route_away", "medium"),
    "token_gap": Cause("low_token_rate", _LESS, "token_path", "high"),
    "answer_tokens": Cause("short_answers", frozenset({"in_flight", "queued"}), "route_away", "medium"),
    "calls": Cause("traffic_shift", TIMES | {"cpu"}, "", "low"),
    "queue": Cause("queueing", frozenset({"in_flight", "queued", "overhead", "first_token"}), "", "medium"),
}
"""By measure. What explains nothing and is explained by nothing is told by itself."""
LIKELY = 4.0
"""Standard deviations from which on a suspect may be the cause of others."""
ORDER = {name: place for place, name in enumerate(CAUSES)}
PLACED = (
    "first_token", "token_gap", "upstream_errors", "answer_tokens", "price", "connecting", "dark", "retried",
)  # fmt: skip
"""What is done by some upstream or model, and felt wherever its calls are."""
LATE = ("first_token", "token_gap")
"""What an upstream, or a model, that is slow shows together."""
SHARES = ("upstream_errors", "gateway_errors", "caller_errors", "retried")


def root(symptoms: Iterable[Symptom]) -> Symptom | None:
    """The change that explains most of what is sure, the earliest in the order of causes; None where nothing is sure.
    A suspect may be it if it explains something that is sure."""
    every = [symptom for symptom in symptoms if symptom.measure in CAUSES]
    sure = [symptom for symptom in every if symptom.sure]
    if not sure:
        return None
    names = {symptom.measure for symptom in sure}

    def rank(symptom: Symptom) -> tuple[int, int, int, float]:
        explained = names & (CAUSES[symptom.measure].explains | {symptom.measure})
        narrow = sum(part is not None for part in symptom.scope) if symptom.measure == "calls" else 0
        return (-len(explained), ORDER[symptom.measure], narrow, -abs(symptom.off))

    able = [one for one in every if one.sure or names & CAUSES[one.measure].explains]
    able = [one for one in able if one.sure or (stands_beside(one, sure) and not _is_weak(one) and _reaches(one, sure))]
    return min(able, key=rank)


def stands_beside(suspect: Symptom, sure: Iterable[Symptom]) -> bool:
    """Whether it is likely, and not dwarfed by its twin: a first token that is late by chance is no cause of tokens
    that are late beyond all doubt."""
    twin = max((abs(one.off) for one in sure if {one.measure, suspect.measure} == {*LATE}), default=0.0)
    return abs(suspect.off) >= max(LIKELY, twin / 2)


def _reaches(suspect: Symptom, sure: Iterable[Symptom]) -> bool:
    """Whether it is wide enough to be the cause of something sure: what callers send to one upstream, say, is not why
    the whole host is slow. What upstreams do is felt everywhere."""
    if suspect.measure in PLACED:
        return True
    explained = CAUSES[suspect.measure].explains
    return any(
        all(own in (None, other) for own, other in zip(suspect.scope, one.scope, strict=True))
        for one in sure
        if one.measure in explained
    )


def _is_weak(symptom: Symptom) -> bool:
    return symptom.measure in ("calls", "queue", "answer_tokens", "caller_errors", "price") or symptom.span == GROWS


def explains(cause: str, measure: str) -> bool:
    """Whether the first may be why the second changed."""
    return cause == measure or (cause in CAUSES and measure in CAUSES[cause].explains)


def severity(symptom: Symptom) -> Severity:
    """By how much it has changed."""
    cause = CAUSES[symptom.measure]
    size = abs(symptom.change)
    if symptom.measure in SHARES:
        bounds = (0.5, 0.25, 0.08)
    elif symptom.measure == "memory":
        return "critical" if symptom.actual >= 0.95 else "high"
    elif symptom.measure == "disk":
        return "critical" if symptom.actual <= 0.05 else "high"
    elif symptom.measure == "hit_rate":
        size = 1 - symptom.actual / symptom.expected if symptom.expected else 0.0
        bounds = (0.98, 0.8, 0.2)
    else:
        bounds = (math.log(6), math.log(3), math.log(1.5))
    found: Severity = next(
        (word for word, least in zip(reversed(SEVERITIES), bounds, strict=False) if size >= least), "low"
    )
    return max(found, cause.least, key=SEVERITIES.index)


UNITS = {
    "first_token": "s", "token_gap": "s", "queue": "s", "overhead": "s", "connecting": "s", "loop_lag": "s",
    "collector_pause": "s", "store_latency": "s", "disk_latency": "s", "network": "s", "embedding": "s",
    "connections_waited": "s", "upstream_errors": "%", "gateway_errors": "%", "caller_errors": "%", "retried": "%",
    "hit_rate": "%", "memory": "%", "descriptors": "%", "disk": "%",
}  # fmt: skip


def shown(measure: str, value: float) -> str:
    """A value for people."""
    unit = UNITS.get(measure, "")
    if unit == "%":
        return f"{100 * value:.1f} %"
    if unit == "s":
        return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.1f} ms"
    return f"{value:.4g}"


def is_within(scope: Scope, dimension: str, value: str) -> bool:
    """Whether the calls of ``scope`` are among those of the one that is to blame, or hold them."""
    model, upstream = scope
    if dimension == "upstream":
        return upstream in (None, value)
    if dimension == "model":
        return model in (None, value)
    if dimension == "pair":
        one, _, other = value.rpartition(" at ")
        return model in (None, one) and upstream in (None, other)
    return True
