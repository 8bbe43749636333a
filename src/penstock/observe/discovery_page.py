"""The metrics of discovery: what came of looking for the instances of upstreams. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.observe.page import Page

DISCOVERY_METRICS: dict[str, tuple[str, str]] = {
    "penstock_discovered_instances": ("gauge", "Instances now known of an upstream that is found by discovery."),
    "penstock_discovery_looks_total": (
        "counter",
        "Looks for instances, by what came of them: changed, same, empty, failed, refused (could not be taken over).",
    ),
}
RESULTS = ("changed", "same", "empty", "failed", "refused")


def put_discovery(page: Page, looks: Mapping[str, Mapping[str, int]]) -> None:
    """Write ``looks``: by upstream its ``instances``, and how many looks had which result."""
    for upstream, counts in looks.items():
        page.put("penstock_discovered_instances", counts["instances"], upstream=upstream)
    for upstream, counts in looks.items():
        for result in RESULTS:
            page.put("penstock_discovery_looks_total", counts.get(result, 0), upstream=upstream, result=result)
