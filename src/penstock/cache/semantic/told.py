"""The state of the semantic cache, as plain values for metrics and in words for people. Pure.

Enters: what a worker keeps. Leaves: numbers that add up over workers, and for each model a sentence on how its bound
stands. May fail: not at all.
"""

from __future__ import annotations

from typing import Any

from penstock.cache.semantic.config import SemanticConfig
from penstock.cache.semantic.space import Space
from penstock.cache.semantic.store import Memory
from penstock.cache.verify.verdict import Status
from penstock.cache.verify.verifier import Verifier

MOST_PARTITIONS = 20
"""Shown of each model: those used last."""


def numbers(memory: Memory) -> dict[str, Any]:
    """For metrics."""
    return {
        **memory.tally.dump(),
        "ready": memory.ready,
        "questions": len(memory.space),
        "partitions": memory.space.count,
        "bytes": memory.space.held_bytes,
        "evicted_partitions": memory.space.evicted,
        "embedder": {
            "name": memory.embedder.name,
            "version": memory.embedder.version,
            "state": "resting" if memory.breaker.why else "well",
            "trips": memory.breaker.trips,
            **tally_of(memory),
        },
        "bounds": [bound(model, version, verifier.status()) for model, version, verifier in memory.learners],
    }


def tally_of(memory: Memory) -> dict[str, Any]:
    """How texts ended at the embedder, where it counts that."""
    tally = getattr(memory.embedder, "tally", None)
    return {} if tally is None else {"texts": tally.as_dict()}


def bound(model: str, version: str, status: Status) -> dict[str, Any]:
    """One verifier's bound."""
    return {
        "model": model, "embedder": version, "requests": status.requests, "hits": status.hits,
        "checked": status.checked, "wrong_seen": status.wrong_seen, "estimate": status.estimate, "low": status.low,
        "high": status.high, "evidence": status.evidence, "stopped": status.stopped, "stops": status.stops,
    }  # fmt: skip


def status(memory: Memory, config: SemanticConfig, worker: int) -> dict[str, Any]:
    """For people."""
    rows = []
    for model, version, verifier in memory.learners:
        whole = verifier.status()
        rows.append(
            bound(model, version, whole)
            | {"in_words": in_words(whole, config), "partitions": _partitions(memory.space, verifier, version, config)}
        )
    return {"worker": worker, **numbers(memory), "max_error": config.max_error, "bounds": rows}


def _partitions(space: Space, verifier: Verifier, version: str, config: SemanticConfig) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for partition, part in space.used_last():
        if len(found) >= MOST_PARTITIONS:
            break
        if part.version == version and (stands := verifier.status(partition)).requests:
            found.append(
                {"partition": partition.hex(), "questions": len(part.held), "requests": stands.requests,
                 "hits": stands.hits, "stopped": stands.stopped, "in_words": in_words(stands, config)}
            )  # fmt: skip
    return found


def in_words(status: Status, config: SemanticConfig) -> str:
    """How a bound stands."""
    counted = (
        f"{status.hits} of {status.requests} requests were answered from similar questions; {status.checked} of those"
        f" answers were checked, {status.wrong_seen} were wrong"
    )
    about, low, high = (
        min(share, 1.0) for share in (status.estimate, status.low, status.high)
    )  # 1/π each: it may pass
    share = f"wrong answers a request: about {about:.2%}, between {low:.2%} and {high:.2%}"
    if status.stopped:
        return (
            f"Hits have ended: {status.stopped}."
            f" {counted}; {share}. Calls are answered by the upstream and learned from; hits return on new evidence."
        )
    return f"Hits are given: the bound of {config.max_error:.2%} holds. {counted}; {share}."
