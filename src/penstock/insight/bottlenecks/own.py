"""Bottlenecks of the gateway itself: CPU, event loop, collector, memory, store, embedding, the way to callers. Pure.

Enters: what was seen, thresholds, and by how much tokens come slower than is usual. Leaves: a suspect for each that
can be told at all: a gauge that a build cannot read makes none.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.figures import took
from penstock.core.windows import SPAN
from penstock.insight.bottleneck_config import BottleneckConfig
from penstock.insight.bottlenecks.seen import Seen
from penstock.insight.bottlenecks.suspect import Suspect, by_ratio


def cpu(now: Seen, terms: BottleneckConfig, pace: float | None) -> Iterator[Suspect]:
    """``pace``: the token rate as a share of the usual one. None, where that is not known yet, accuses nobody of a low
    one: it is then told as a medium one."""
    used = now.means.get("cpu")
    if used is None:
        return
    slow = terms.token_rate / pace if pace else 1.0
    ratio = used / terms.cpu if slow >= 1.0 else min(used / terms.cpu, slow)
    own = now.whole.overhead / now.whole.calls
    late = 0.0 if pace is None else max(0.0, now.whole.generating * (1.0 - pace)) / now.whole.calls
    evidence = {"cpu": used, "own_seconds": own, "tokens_late_seconds": late}
    if pace is not None:
        evidence["token_rate_of_usual"] = pace
    tokens = "" if pace is None else f", and tokens come at {pace:.0%} of their usual rate"
    workers = now.facts.workers + 1
    yield Suspect(
        "cpu", "", ratio, "medium" if pace is None else "high",
        f"a worker uses {used:.0%} of its core{tokens}; it spends {took(own)} on each call",
        evidence, own + late, 1.0,
        "Run one more worker (it takes a restart), or a machine with faster cores.",
        f"listen: {{workers: {workers}}}",
    )  # fmt: skip


def _stall(now: Seen, gauge: str) -> tuple[float, float, float] | None:
    """Of stops of everything: the mean of the worst of each window, the mean wait of a call that meets one, and the
    share of calls that do: those that run at that moment."""
    stop = now.means.get(gauge)
    if stop is None:
        return None
    return stop, stop / 2.0, min(1.0, (now.whole.latency + stop) / SPAN)


def loop(now: Seen, terms: BottleneckConfig) -> Iterator[Suspect]:
    """Something does not let others run."""
    found = _stall(now, "loop_lag")
    if found is None:
        return
    lag, impact, share = found
    ratio = lag / terms.loop
    yield Suspect(
        "event_loop", "", ratio, by_ratio(ratio),
        f"the event loop stood still for {took(lag)} in the mean, {took(now.worst['loop_lag'])} at worst",
        {"loop_lag_mean": lag, "loop_lag_worst": now.worst["loop_lag"], "cpu": now.means.get("cpu", 0.0)},
        impact, share,
        "More workers, so that fewer calls share a loop; very large bodies hold it up, too.",
        f"listen: {{workers: {now.facts.workers + 1}}}",
    )  # fmt: skip


def collector(now: Seen, terms: BottleneckConfig) -> Iterator[Suspect]:
    """Python looks for garbage while calls wait."""
    found = _stall(now, "collector_pause")
    if found is None:
        return
    pause, impact, share = found
    ratio = pause / terms.collector
    yield Suspect(
        "collector", "", ratio, by_ratio(ratio),
        f"collections of garbage held everything up for {took(pause)} in the mean of the last windows",
        {"pause_mean": pause, "pause_worst": now.worst["collector_pause"],
         "cache_entries": now.means.get("cache_entries", 0.0)},
        impact, share,
        "Let long collections wait for idle moments for longer, or keep fewer entries in the cache of a worker.",
        "memory: {collector: {pause: 10ms, postpone: 15m}}",
    )  # fmt: skip


def memory(now: Seen, terms: BottleneckConfig) -> Iterator[Suspect]:
    """Near the limit caches shrink and calls are refused: what their hits save is at stake."""
    used = now.means.get("memory")
    if used is None:
        return
    calls, hits = now.whole.calls, now.whole.hits
    held = now.means.get("cache_bytes", 0.0)
    evidence = {"memory": used, "resident_bytes": now.means.get("resident", 0.0), "cache_bytes": held}
    limit = evidence["resident_bytes"] / used if used else 0.0
    evidence["needed_bytes"] = limit * used / (0.9 * terms.memory) if limit else 0.0
    mebibytes = max(64, round(evidence["needed_bytes"] / 2**20))
    yield Suspect(
        "memory", "", used / terms.memory, "critical" if used >= 0.95 else "high",
        f"{used:.0%} of the memory limit is in use; near it caches shrink and calls of low classes are refused",
        evidence, max(0.0, now.miss - now.hit), hits / calls,
        "A machine or container with more memory, or smaller caches. If it only ever grows, see the leak watch.",
        f"memory: {{limit: {mebibytes}MiB}}" if limit else "",
    )  # fmt: skip


def store(now: Seen, terms: BottleneckConfig) -> Iterator[Suspect]:
    """What asks the store waits for its disk, or its network."""
    slow = now.means.get("store_latency")
    if slow is None:
        return
    ratio = slow / terms.store
    disk = now.means.get("disk_latency", 0.0)
    evidence = {
        "store_latency_mean": slow, "store_latency_worst": now.worst["store_latency"],
        "store_waiting": now.means.get("store_waiting", 0.0), "disk_latency": disk,
    }  # fmt: skip
    why = "the shared store" if now.facts.redis else "its disk" if disk > slow / 2 else "the store"
    what = "nearer to the gateway" if now.facts.redis else "on a faster disk, or a shared store in memory"
    yield Suspect(
        "store", "", ratio, by_ratio(ratio),
        f"{why} takes {took(slow)} for its slowest answers; {evidence['store_waiting']:.0f} writes wait",
        evidence, slow, now.whole.looked_up / now.whole.calls,
        f"Keep the store {what}; the gateway must be started anew for that.",
        "" if now.facts.redis else "store: sqlite:/fast/disk/penstock.db",
    )  # fmt: skip


def embedding(now: Seen, terms: BottleneckConfig) -> Iterator[Suspect]:
    """Each look-up in the semantic cache waits for a vector."""
    mean = now.means.get("embedding")
    if mean is None:
        return
    ratio = mean / terms.embedding
    static = now.facts.embedder == "static"
    yield Suspect(
        "embedding", "", ratio, by_ratio(ratio),
        f"the semantic cache takes {took(mean)} to embed a question",
        {"embedding_mean": mean, "embedding_worst": now.worst["embedding"], "looked_up": float(now.whole.looked_up)},
        mean, now.whole.looked_up / now.whole.calls,
        "Wait for a vector for less long: later is a miss." if static else "The static embedder takes 0.03 ms.",
        "cache: {semantic: {patience: 10ms}}" if static else "cache: {semantic: {embedder: static}}",
    )  # fmt: skip


def network(now: Seen, terms: BottleneckConfig) -> Iterator[Suspect]:
    """Callers are far away: nothing that is done here makes light faster."""
    trip = now.means.get("network")
    if trip is None:
        return
    ratio = trip / terms.network
    yield Suspect(
        "network", "", ratio, by_ratio(ratio),
        f"half of the callers are {took(trip)} or more away and back",
        {"round_trip_median": trip, "round_trip_worst": now.worst["network"]}, trip, 0.5,
        "A gateway nearer to the callers; until then fewer, larger events for those that are far away.",
        "streaming: {merge: {enabled: true}}",
    )  # fmt: skip
