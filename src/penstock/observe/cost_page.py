"""The metrics of cost: dollars spent and saved, and those that time without calls cost. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.core.units import MICRO
from penstock.observe.page import Page

COST_METRICS: dict[str, tuple[str, str]] = {
    "penstock_cost_dollars_total": ("counter", "Spent on calls, by model and upstream."),
    "penstock_saved_dollars_total": (
        "counter",
        "Spared, by what spared it: cache, coalescing, batching, routing (against the dearest upstream that the model"
        " has), prompt_cache (the provider's).",
    ),
    "penstock_idle_dollars_total": ("counter", "Time of upstreams paid by the second in which no call was there."),
    "penstock_unpriced_calls_total": ("counter", "Calls of which nobody knows the price: they count as free."),
}


def put_cost(page: Page, dumps: Sequence[Mapping[str, Any]]) -> None:
    """Write what the workers counted, if the slice is there."""
    if not dumps:
        return
    models: dict[tuple[str, str], int] = {}
    saved: dict[str, int] = {}
    idle: dict[str, int] = {}
    for dump in dumps:
        for model, upstream, cost in dump["models"]:
            models[model, upstream] = models.get((model, upstream), 0) + cost
        _add(saved, dump["saved"])
        _add(idle, dump["idle"])
    for (model, upstream), cost in models.items():
        page.put("penstock_cost_dollars_total", cost / MICRO, model=model, upstream=upstream)
    for how, amount in saved.items():
        page.put("penstock_saved_dollars_total", amount / MICRO, how=how)
    for upstream, amount in idle.items():
        page.put("penstock_idle_dollars_total", amount / MICRO, upstream=upstream)
    page.put("penstock_unpriced_calls_total", sum(dump["unpriced"] for dump in dumps))


def _add(sums: dict[str, int], more: Mapping[str, int]) -> None:
    for name, amount in more.items():
        sums[name] = sums.get(name, 0) + amount
