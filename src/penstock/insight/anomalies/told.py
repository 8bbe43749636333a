"""An anomaly as it is told: kind, severity, a sentence on its cause, what goes with it. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from penstock.insight.anomalies.causes import CAUSES, SHARES, is_within, severity, shown, stands_beside
from penstock.insight.anomalies.track import GROWS, Symptom
from penstock.insight.findings import Anomaly, Contributor, Kind

WORDS = {
    "first_token": "the first token takes {actual}, usually {expected}",
    "token_gap": "tokens come every {actual}, usually every {expected}",
    "upstream_errors": "{actual} of calls fail upstream, usually {expected}",
    "gateway_errors": "{actual} of calls fail in the gateway, usually {expected}",
    "caller_errors": "{actual} of calls are refused as wrong, usually {expected}",
    "retried": "{actual} of calls need another attempt, usually {expected}",
    "hit_rate": "the cache answers {actual} of calls, usually {expected}",
    "prompt_tokens": "prompts have {actual} tokens, usually {expected}",
    "answer_tokens": "answers have {actual} tokens, usually {expected}",
    "price": "a call costs {actual} micro-dollars, usually {expected}, at the same lengths",
    "queue": "calls wait {actual} for a place, usually {expected}",
    "connecting": "calls wait {actual} to be connected, usually {expected}",
    "dark": "it gets {actual} calls in ten seconds, {expected} were to be expected",
    "key_calls": "it makes {actual} calls in ten seconds, usually {expected}",
    "calls": "there are {actual} calls in ten seconds, usually {expected}",
    "memory": "memory is at {actual} of the limit, usually at {expected}",
    "descriptors": "descriptors are at {actual} of the limit, usually at {expected}",
    "disk": "{actual} of the disk is free, usually {expected}",
    "loop_lag": "the event loop is late by {actual}, usually by {expected}",
    "collector_pause": "the collector of garbage holds all up for {actual}, usually for {expected}",
    "store_latency": "the store answers after {actual}, usually after {expected}",
    "disk_latency": "a small write to the disk takes {actual}, usually {expected}",
    "network": "the way to callers and back takes {actual}, usually {expected}",
    "embedding": "an embedding takes {actual}, usually {expected}",
    "connections_waited": "calls wait {actual} for a connection, usually {expected}",
}
SUBJECT = {"gateway": "the whole gateway", "gauge": "this host"}
MOST_ALSO = 12


def kind_of(symptom: Symptom, with_it: Sequence[Symptom]) -> Kind:
    """What it is called: latency where both the first token and those after it are late, a leak where memory grows."""
    names = {one.measure for one in with_it if one.up} | {symptom.measure}
    if symptom.measure == "first_token":
        return "high_latency" if "token_gap" in names else "slow_first_token"
    if symptom.measure == "token_gap" and "first_token" in names:
        return "high_latency"
    if symptom.measure == "memory" and symptom.span == GROWS:
        return "memory_leak"
    return CAUSES[symptom.measure].kind


def sentence(symptom: Symptom, contributors: Sequence[Contributor]) -> str:
    """What is wrong, and whose fault it is."""
    first = contributors[0]
    subject = SUBJECT.get(first.dimension, f"{first.dimension} {first.value}")
    words = WORDS[symptom.measure].format(
        actual=shown(symptom.measure, symptom.actual), expected=shown(symptom.measure, symptom.expected)
    )
    return f"{subject}: {words}"


def fill(anomaly: Anomaly, symptom: Symptom, contributors: list[Contributor], with_it: Sequence[Symptom]) -> None:
    """Tell of ``symptom``, the cause, and of what goes ``with_it``."""
    first = contributors[0]
    near = [one for one in with_it if is_within(one.scope, first.dimension, first.value)]
    anomaly.kind = kind_of(symptom, [one for one in near if one.sure or stands_beside(one, (symptom,))])
    anomaly.measure = symptom.measure
    anomaly.actual, anomaly.expected = symptom.actual, symptom.expected
    anomaly.deviation = symptom.actual / symptom.expected - 1 if symptom.expected > 0 else None
    anomaly.severity = severity(symptom)
    anomaly.contributors = contributors
    anomaly.model = anomaly.upstream = ""
    for one in contributors[:1]:
        if one.dimension == "model":
            anomaly.model = one.value
        elif one.dimension == "upstream":
            anomaly.upstream = one.value
        elif one.dimension == "pair":
            anomaly.model, _, anomaly.upstream = one.value.rpartition(" at ")
    anomaly.cause = sentence(symptom, contributors)
    response = CAUSES[symptom.measure].response
    anomaly.response = "token_path" if anomaly.kind == "low_token_rate" else response


def also(symptoms: Sequence[Symptom], but: Symptom) -> list[dict[str, Any]]:
    """What else has changed, for the context of an anomaly."""
    found: dict[str, Symptom] = {}
    for one in symptoms:
        if one.measure != but.measure and abs(one.off) > abs(found[one.measure].off if one.measure in found else 0.0):
            found[one.measure] = one
    ordered = sorted(found.values(), key=lambda one: -abs(one.off))[:MOST_ALSO]
    return [{"measure": one.measure, "times": _times(one), "since": one.since} for one in ordered]


def _times(one: Symptom) -> float | None:
    if one.measure in SHARES or one.measure == "hit_rate":
        return round(one.actual / one.expected, 3) if one.expected else None
    return round(math.exp(max(-20.0, min(20.0, one.change))), 3)
