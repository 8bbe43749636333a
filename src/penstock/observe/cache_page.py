"""The metrics of the cache, merged over workers. Pure.

Enters: what each worker dumped of its cache. Leaves: samples on a page. Workers that share a store know the same
entries, and each finds out by itself what has expired: of such numbers the largest counts, all others add up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from penstock.observe.histogram import Histogram
from penstock.observe.page import Page
from penstock.observe.semantic_page import SEMANTIC_METRICS, put_semantic
from penstock.observe.sums import by_name, by_pair

CACHE_METRICS: dict[str, tuple[str, str]] = {
    "penstock_cache_operations_total": (
        "counter",
        "Calls by kind of cache (exact, semantic) and result: hit, miss, bypass (not to be cached), absent (only a hit"
        " was wanted), shadow (a hit that was checked).",
    ),
    "penstock_cache_lookup_seconds": ("histogram", "How long a lookup took, its answer included, by kind of cache."),
    "penstock_cache_entries": ("gauge", "Answers that are kept."),
    "penstock_cache_bytes": ("gauge", "Bytes of the answers that are kept: in the store, and in memory (all workers)."),
    "penstock_cache_ready": ("gauge", "Workers whose cache has caught up with the store; the others only miss."),
    "penstock_cache_stores_total": (
        "counter",
        "Answers that could have been kept, by what came of them: kept; not_whole, broken, too_large, other_model, ….",
    ),
    "penstock_cache_evictions_total": (
        "counter",
        "Entries that went, by reason: expired, oldest, unread, full, flushed, replaced, model_changed, damaged, lost,"
        " wrong (found to answer another question).",
    ),
    "penstock_cache_saved_tokens_total": ("counter", "Tokens that hits did not cost: prompt, completion."),
    "penstock_cache_saved_dollars_total": ("counter", "Dollars that hits did not cost, where prices are configured."),
    "penstock_cache_saved_seconds_total": ("counter", "Seconds that the answers told again had taken to make."),
    **SEMANTIC_METRICS,
}
_FOUND_BY_EACH = ("expired", "lost", "damaged")


def put_cache(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    """Write what ``dumps`` (the ``cache`` of each worker) say together."""
    if not dumps:
        return
    saved, evicted = by_name(dumps, "saved"), Counter[str]()
    lookups: dict[str, Histogram] = {}
    for dump in dumps:
        for reason, number in dump["evicted"].items():
            evicted[reason] = max(evicted[reason], number) if reason in _FOUND_BY_EACH else evicted[reason] + number
        for kind, (bounds, counts, total) in dump["lookups"].items():
            lookups.setdefault(kind, Histogram(tuple(bounds))).add(counts, total)
    for (kind, result), number in by_pair(dumps, "operations").items():
        page.put("penstock_cache_operations_total", number, cache=kind, result=result)
    for kind, histogram in lookups.items():
        page.put_histogram("penstock_cache_lookup_seconds", histogram, cache=kind)
    page.put("penstock_cache_entries", max(dump["entries"] for dump in dumps))
    page.put("penstock_cache_bytes", max(dump["bytes"] for dump in dumps), tier="store")
    page.put("penstock_cache_bytes", sum(dump["memory_bytes"] for dump in dumps), tier="memory")
    page.put("penstock_cache_ready", sum(bool(dump["ready"]) for dump in dumps))
    for result, number in by_name(dumps, "stores").items():
        page.put("penstock_cache_stores_total", number, result=result)
    for reason, number in evicted.items():
        page.put("penstock_cache_evictions_total", number, reason=reason)
    page.put("penstock_cache_saved_tokens_total", saved["tokens_in"], kind="prompt")
    page.put("penstock_cache_saved_tokens_total", saved["tokens_out"], kind="completion")
    page.put("penstock_cache_saved_dollars_total", saved["micro_dollars"] / 1e6)
    page.put("penstock_cache_saved_seconds_total", round(saved["seconds"], 6))
    put_semantic(page, [dump["semantic"] for dump in dumps if dump.get("semantic") is not None])
