"""Bottlenecks on the way of calls: reading prompts, waiting for seats, waiting in upstreams, connecting. Pure.

Enters: what was seen, and thresholds. Leaves: suspects, for models and upstreams each.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.figures import took
from penstock.core.windows import OTHER
from penstock.insight.bottleneck_config import BottleneckConfig
from penstock.insight.bottlenecks.seen import Seen
from penstock.insight.bottlenecks.suspect import Suspect, by_ratio, setting

FULL = 0.9
"""Of its seats in use: it is them that calls wait for."""


def context(now: Seen, terms: BottleneckConfig) -> Iterator[Suspect]:
    """Reading prompts takes a large part of the time, by model."""
    for model, sums in now.models.items():
        if sums.firsts < terms.least_calls or not sums.asked or model == OTHER:
            continue
        prefill = sums.prefill / sums.firsts
        part = min(1.0, prefill / sums.latency)
        cached = sums.tokens_cached / sums.tokens_in if sums.tokens_in else 0.0
        yield Suspect(
            "context", model, part / terms.context, "medium",
            f"{model}: {part:.0%} of the latency goes by before the first token, {took(prefill)} a stream;"
            f" upstreams had {cached:.0%} of the prompts cached",
            {"prefill_share": part, "prefill_seconds": prefill, "latency_seconds": sums.latency,
             "prompt_tokens": sums.tokens_in / sums.calls, "cached_share": cached},
            prefill, sums.firsts / now.whole.calls,
            "Send calls where their beginning is cached already, and hold those that begin alike for the first of them."
            if cached < 0.5 else "Most of it is cached already: shorter prompts, or faster upstreams.",
            _context_action(model, cached),
        )  # fmt: skip


def _context_action(model: str, cached: float) -> str:
    return setting("models", model, "strategy", "prefix") if cached < 0.5 else "grouping: {group_by: prefix}"


def queueing(now: Seen, terms: BottleneckConfig) -> Iterator[Suspect]:
    """Calls wait for places and seats, or are held to go with others."""
    whole = now.whole
    if not whole.held or not whole.total:
        return
    for room, spent in now.waits.items():
        part = spent / whole.total
        wait = spent / whole.held
        recommendation, action, name, more = _room(room, now)
        yield Suspect(
            "queueing", room if room != "admission" else name, part / terms.queueing, by_ratio(part / terms.queueing),
            f"{whole.held} of {whole.calls} calls waited {took(wait)} in the mean ({room}{name and ' for ' + name})",
            {"wait_share": part, "wait_seconds": wait, "calls_held": float(whole.held),
             "queued_now": now.means.get("queued", 0.0), **more},
            wait, whole.held / whole.calls, recommendation, action,
        )  # fmt: skip


def _room(room: str, now: Seen) -> tuple[str, str, str, dict[str, float]]:
    """What to do about waits in ``room``, and whom they are for."""
    if room == "batching":
        return "Let calls wait for others for less long.", "batching: {max_wait: 5ms}", "", {}
    if room == "grouping":
        return "Hold calls for each other for less long.", "grouping: {max_wait: 500ms}", "", {}
    full = [
        (one.taken / one.seats, name) for name, one in now.facts.upstreams.items()
        if one.seats and one.taken >= FULL * one.seats
    ]  # fmt: skip
    if full:
        name = max(full)[1]
        one = now.facts.upstreams[name]
        return (
            f"Let the limit of {name} be found out, or add a replica if it is full itself.",
            setting("upstreams", name, "max_in_flight", "adaptive"), name,
            {"taken": float(one.taken), "seats": float(one.seats)},
        )  # fmt: skip
    inside, most = now.facts.door
    return (
        "More replicas of what answers slowest; if upstreams are idle, more places at the door.",
        f"admission: {{limit: {2 * most}}}" if most else "", "", {"inside": float(inside), "places": float(most)},
    )  # fmt: skip


def upstream_queue(now: Seen, terms: BottleneckConfig) -> Iterator[Suspect]:
    """Prompts wait inside an upstream, unread."""
    for name, upstream in now.facts.upstreams.items():
        sums = now.upstreams.get(name)
        if sums is None or not sums.calls or not sums.total:
            continue
        part = upstream.waiting / sums.latency
        ratio = part / terms.queueing
        yield Suspect(
            "upstream_queue", name, ratio, by_ratio(ratio),
            f"{name}: prompts of about {took(upstream.waiting)} wait inside it, {upstream.in_flight} are in flight",
            {"waiting_seconds": upstream.waiting, "waiting_share": part, "in_flight": float(upstream.in_flight),
             "capacity": float(upstream.capacity)},
            upstream.waiting, sums.calls / now.whole.calls,
            "A replica more; until then keep calls waiting here, where they go by class and deadline.",
            setting("upstreams", name, "max_in_flight", "adaptive"),
        )  # fmt: skip


def connections(now: Seen, terms: BottleneckConfig) -> Iterator[Suspect]:
    """Connections are made for calls that wait for them, by upstream; or there are too few."""
    for name, sums in now.upstreams.items():
        if sums.calls < terms.least_calls or not sums.total:
            continue
        part = sums.connecting / sums.total
        ratio = part / terms.connecting
        each = sums.connecting / sums.calls
        yield Suspect(
            "connections", name, ratio, by_ratio(ratio),
            f"{name}: {part:.0%} of the latency is spent on connecting, {took(each)} a call",
            {"connecting_share": part, "connecting_seconds": each,
             "waited_seconds": now.means.get("connections_waited", 0.0)},
            each, sums.calls / now.whole.calls,
            "Keep unused connections for longer, so that calls find one open.",
            setting("upstreams", name, "max_idle", "5m"),
        )  # fmt: skip
