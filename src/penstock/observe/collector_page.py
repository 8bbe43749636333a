"""The metrics of the collector of garbage and of the leak watch, by worker or merged. Pure.

Enters: what each worker dumped of them. Leaves: samples on a page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from penstock.observe.histogram import Histogram
from penstock.observe.page import Page
from penstock.observe.sums import by_name

PAUSE_SECONDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
MOODS = ("relaxed", "ordinary", "eager")

COLLECTOR_METRICS: dict[str, tuple[str, str]] = {
    "penstock_collector_pause_seconds": ("histogram", "How long collections of garbage held everything up."),
    "penstock_collector_longest_pause_seconds": ("gauge", "The longest such pause since start, over all workers."),
    "penstock_collector_runs_total": ("counter", "Collections, by Python's generation: 0, 1, 2 (all)."),
    "penstock_collector_freed_total": ("counter", "Objects that collections freed, by generation."),
    "penstock_collector_stuck_total": ("counter", "Objects that were garbage and could not be freed."),
    "penstock_collector_placed_total": (
        "counter",
        "Collections that the gateway made itself: young, full, deep (in good moments), forced (by pressure).",
    ),
    "penstock_collector_frozen_objects": ("gauge", "Objects that collections need not look at."),
    "penstock_leak_suspicions_total": (
        "counter",
        "Windows in which something grew beyond what load and accounts explain, by what grew.",
    ),
    "penstock_leak_alarms_total": ("counter", "Leaks found: growth in several windows that did not fade."),
    "penstock_leak_clean_ups_total": ("counter", "Times that caches gave up what they could after such an alarm."),
    "penstock_leak_freed_bytes_total": ("counter", "Bytes that came free after alarms, by what was done."),
    "penstock_collector_workers": ("gauge", "Workers by how often they collect: relaxed, ordinary, eager."),
}


def put_collector(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    """Write what ``dumps`` (the ``collector`` of each worker) say together."""
    if not dumps:
        return
    pauses = Histogram(PAUSE_SECONDS)
    moods: Counter[str] = Counter()
    for dump in dumps:
        pauses.add(dump["buckets"], dump["seconds"])
        moods[dump["mood"]] += 1
    page.put_histogram("penstock_collector_pause_seconds", pauses)
    page.put("penstock_collector_longest_pause_seconds", max(dump["longest"] for dump in dumps))
    for generation in range(3):
        page.put(
            "penstock_collector_runs_total", sum(dump["times"][generation] for dump in dumps), generation=generation
        )
    for generation in range(3):
        page.put(
            "penstock_collector_freed_total", sum(dump["freed"][generation] for dump in dumps), generation=generation
        )
    page.put("penstock_collector_stuck_total", sum(dump["stuck"] for dump in dumps))
    for kind, number in by_name(dumps, "made").items():
        page.put("penstock_collector_placed_total", number, kind=kind)
    page.put("penstock_collector_frozen_objects", sum(dump["frozen"] for dump in dumps))
    leaks = [dump["leak"] for dump in dumps]
    for name in sorted({"memory"}.union(*(leak["suspicions"] for leak in leaks))):
        page.put("penstock_leak_suspicions_total", sum(leak["suspicions"].get(name, 0) for leak in leaks), what=name)
    for name in sorted({"memory"}.union(*(leak["alarms"] for leak in leaks))):
        page.put("penstock_leak_alarms_total", sum(leak["alarms"].get(name, 0) for leak in leaks), what=name)
    page.put("penstock_leak_clean_ups_total", sum(leak["clean_ups"] for leak in leaks))
    for action in ("collect", "clean up"):
        page.put("penstock_leak_freed_bytes_total", sum(leak["freed"][action] for leak in leaks), action=action)
    for mood in MOODS:
        page.put("penstock_collector_workers", moods[mood], mood=mood)
