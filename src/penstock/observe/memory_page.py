"""The metrics of the memory governor, merged over workers. Pure.

Enters: what each worker dumped of it. Leaves: samples on a page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from penstock.observe.page import Page

MEMORY_METRICS: dict[str, tuple[str, str]] = {
    "penstock_memory_limit_bytes": ("gauge", "What all workers may use, by where the limit comes from."),
    "penstock_memory_room_bytes": ("gauge", "What the accounts of all workers may hold together at present."),
    "penstock_memory_share": ("gauge", "Share of its limit that the worker uses which is nearest to it."),
    "penstock_memory_level": ("gauge", "How short memory is, 0 to 5, at the worker where it is shortest."),
    "penstock_memory_floor": ("gauge", "The lowest class of calls still admitted: 3 all, 0 high alone, -1 nobody."),
    "penstock_memory_alerts_total": ("counter", "Times that memory became critically short."),
    "penstock_memory_refused_total": ("counter", "Reservations refused for want of memory in all."),
    "penstock_memory_steps_total": ("counter", "Steps taken as memory became short, or was there again."),
    "penstock_memory_freed_bytes_total": ("counter", "What came free by each kind of step."),
    "penstock_memory_step_seconds_total": ("counter", "Time that each kind of step took."),
    "penstock_memory_beside_bytes": ("gauge", "Bytes that no account holds, by estimate, by what they are."),
}


def put_memory(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    """Write what ``dumps`` (the ``memory`` of each worker) say together."""
    if not dumps:
        return
    limits: Counter[str] = Counter()
    steps: Counter[str] = Counter()
    freed: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    beside: Counter[str] = Counter()
    for dump in dumps:
        limits[dump["source"]] += dump["limit"]
        beside.update(dump["beside"])
        for step, (number, bytes_freed, took) in dump["steps"].items():
            steps[step] += number
            freed[step] += bytes_freed
            seconds[step] += took
    for source, limit in limits.items():
        page.put("penstock_memory_limit_bytes", limit, source=source)
    page.put("penstock_memory_room_bytes", sum(dump["room"] for dump in dumps))
    page.put("penstock_memory_share", max(dump["share"] for dump in dumps))
    page.put("penstock_memory_level", max(dump["level"] for dump in dumps))
    page.put("penstock_memory_floor", min(dump["floor"] for dump in dumps))
    page.put("penstock_memory_alerts_total", sum(dump["alerts"] for dump in dumps))
    page.put("penstock_memory_refused_total", sum(dump["refused"] for dump in dumps))
    for step in sorted(steps):
        page.put("penstock_memory_steps_total", steps[step], step=step)
        page.put("penstock_memory_freed_bytes_total", freed[step], step=step)
        page.put("penstock_memory_step_seconds_total", seconds[step], step=step)
    for what in sorted(beside):
        page.put("penstock_memory_beside_bytes", beside[what], what=what)
