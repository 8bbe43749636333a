"""The metrics of the semantic cache, merged over workers. Pure.

Enters: what each worker dumped of it. Leaves: samples on a page. Each worker has a bound of its own: estimates and
their limits are put together by how many requests each has seen, so that what is told is one of the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from penstock.observe.histogram import Histogram
from penstock.observe.page import Page

SEMANTIC_METRICS: dict[str, tuple[str, str]] = {
    "penstock_semantic_lookups_total": (
        "counter",
        "Calls that were looked for by meaning, by result (hit, shadow: a hit that is checked, miss, ineligible) and"
        " reason.",
    ),
    "penstock_semantic_probability": (
        "histogram", "How probably an answer that was told for another question was right, as it was held.",
    ),
    "penstock_semantic_checks_total": (
        "counter",
        "Checks of hits against the upstream: right, wrong, unknown (counts as wrong), failed (asked again), lost,"
        " inline (the caller waited for the upstream).",
    ),
    "penstock_semantic_comparisons_total": ("counter", "Answers compared by their texts: same, different, unknown."),
    "penstock_semantic_judgements_total": (
        "counter", "What the judge said: same, different, unknown, refused (too many a minute), failed.",
    ),
    "penstock_semantic_error_ratio": (
        "gauge", "Wrong answers a request, by model: the estimate, and the limits between which it surely is.",
    ),
    "penstock_semantic_stopped": ("gauge", "Workers at which the bound has ended hits, by model."),
    "penstock_semantic_stops_total": ("counter", "How often the bound has ended hits, by model."),
    "penstock_semantic_removed_total": ("counter", "Entries that left the cache because they were found wrong."),
    "penstock_semantic_feedback_total": ("counter", "What callers said of answers: right, wrong, refused (too many)."),
    "penstock_semantic_questions": ("gauge", "Questions that are held to be matched (all workers)."),
    "penstock_semantic_partitions": ("gauge", "Partitions that they are in (all workers)."),
    "penstock_semantic_bytes": ("gauge", "Bytes of questions and vectors in memory (all workers)."),
    "penstock_semantic_ready": ("gauge", "Workers that have read what the store holds; the others only miss."),
    "penstock_semantic_embedder_well": ("gauge", "Workers whose embedder works; the others go on with exact hits."),
    "penstock_semantic_embedder_trips_total": ("counter", "How often lookups were given up for a while."),
    "penstock_semantic_embeddings_total": ("counter", "Texts given to the embedder, by how they ended."),
}  # fmt: skip


def put_semantic(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    """Write what ``dumps`` (one a worker) say together."""
    if not dumps:
        return
    _put_counts(page, dumps)
    bounds, _, _ = dumps[0]["probabilities"]
    histogram = Histogram(tuple(bounds))
    for dump in dumps:
        histogram.add(*dump["probabilities"][1:])
    page.put_histogram("penstock_semantic_probability", histogram)
    _put_bounds(page, [bound for dump in dumps for bound in dump["bounds"]])
    for name in ("questions", "partitions", "bytes", "ready"):
        page.put(f"penstock_semantic_{name}", sum(int(dump[name]) for dump in dumps))
    page.put("penstock_semantic_embedder_well", sum(dump["embedder"]["state"] == "well" for dump in dumps))
    page.put("penstock_semantic_embedder_trips_total", sum(dump["embedder"]["trips"] for dump in dumps))


def _put_counts(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    lookups = Counter[tuple[str, str]]()
    for dump in dumps:
        lookups.update({(result, reason): number for result, reason, number in dump["lookups"]})
    for (result, reason), number in lookups.items():
        page.put("penstock_semantic_lookups_total", number, result=result, reason=reason)
    for metric, member, label in (
        ("checks", "shadows", "outcome"), ("comparisons", "equal", "outcome"), ("judgements", "judge", "outcome"),
        ("feedback", "feedback", "rating"),
    ):  # fmt: skip
        for value, number in _sum(dump[member] for dump in dumps).items():
            page.put(f"penstock_semantic_{metric}_total", number, **{label: value})
    for value, number in _sum(dump["embedder"].get("texts", {}) for dump in dumps).items():
        if value not in ("trips", "seconds"):
            page.put("penstock_semantic_embeddings_total", number, outcome=value)
    page.put("penstock_semantic_removed_total", sum(dump["removed"] for dump in dumps))


def _sum(counts: Any) -> Counter[str]:
    together = Counter[str]()
    for one in counts:
        together.update(one)
    return together


def _put_bounds(page: Page, bounds: Sequence[dict[str, Any]]) -> None:
    of: dict[str, list[dict[str, Any]]] = {}
    for bound in bounds:
        of.setdefault(bound["model"], []).append(bound)
    for model, those in of.items():
        requests = sum(bound["requests"] for bound in those)
        for name in ("estimate", "low", "high"):
            mean = sum(bound[name] * bound["requests"] for bound in those) / requests if requests else 0.0
            page.put("penstock_semantic_error_ratio", mean, model=model, edge=name)
        page.put("penstock_semantic_stopped", sum(bool(bound["stopped"]) for bound in those), model=model)
        page.put("penstock_semantic_stops_total", sum(bound["stops"] for bound in those), model=model)
