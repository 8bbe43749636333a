"""The metrics of upstreams' health and of retries, merged over workers. Pure.

Enters: what each worker dumped of its health. Leaves: samples on a page. States are counted in workers, as each sees
for itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from penstock.observe.page import Page

HEALTH_METRICS: dict[str, tuple[str, str]] = {
    "penstock_upstream_state": (
        "gauge",
        "Workers to which an upstream is closed (well), open or half_open (its breaker), sick (probes), slow, draining,"
        " keys_at_rest.",
    ),
    "penstock_upstream_ejections_total": ("counter", "How often an upstream was put out of use."),
    "penstock_upstream_keys_at_rest": ("gauge", "Keys of an upstream that rest: refused, out of quota, rate limited."),
    "penstock_probes_total": (
        "counter",
        "Probes of an upstream, by result: well; answers, huge, busy (neither good nor bad); or the kind of failure.",
    ),
    "penstock_retry_budget_left": ("gauge", "Retries that may be made now for a model."),
    "penstock_retries_refused_total": ("counter", "Retries not made because the budget of the model was spent."),
}


def put_health(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    """Write what ``dumps`` (the ``health`` of each worker) say together."""
    states: Counter[tuple[str, str]] = Counter()
    left: Counter[str] = Counter()
    resting: Counter[str] = Counter()
    probes: Counter[tuple[str, str]] = Counter()
    budgets: dict[str, list[float]] = {}
    for dump in dumps:
        for upstream, health in dump["upstreams"].items():
            states[upstream, health["state"]] += 1
            left[upstream] += health["ejections"]
            resting[upstream] += health["keys_at_rest"]
            probes.update({(upstream, result): number for result, number in health["probes"].items()})
        for model, (retries, refused) in dump["retries"].items():
            sums = budgets.setdefault(model, [0.0, 0])
            sums[0] += retries
            sums[1] += refused
    for (upstream, state), workers in states.items():
        page.put("penstock_upstream_state", workers, upstream=upstream, state=state)
    for upstream, number in left.items():
        page.put("penstock_upstream_ejections_total", number, upstream=upstream)
    for upstream, number in resting.items():
        page.put("penstock_upstream_keys_at_rest", number, upstream=upstream)
    for (upstream, result), number in probes.items():
        page.put("penstock_probes_total", number, upstream=upstream, result=result)
    for model, (retries, _) in budgets.items():
        page.put("penstock_retry_budget_left", round(retries, 1), model=model)
    for model, (_, refused) in budgets.items():
        page.put("penstock_retries_refused_total", refused, model=model)
