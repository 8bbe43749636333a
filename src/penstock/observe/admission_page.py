"""The metrics of seats and queues, merged over workers. Pure.

Enters: what each worker dumped of admission. Leaves: samples on a page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from penstock.observe.histogram import Histogram
from penstock.observe.page import Page
from penstock.observe.sums import by_name, by_pair

ADMISSION_METRICS: dict[str, tuple[str, str]] = {
    "penstock_admission_load": (
        "gauge",
        "Share of the seats that is wanted where it is greatest; above 1: waiting.",
    ),
    "penstock_admission_seats": ("gauge", "Calls that may be served at once: by the gateway (door), by an upstream."),
    "penstock_admission_seats_taken": ("gauge", "Calls that are."),
    "penstock_admission_waiting": ("gauge", "Calls that wait, at the door or for an upstream, by class."),
    "penstock_admission_wait_seconds": ("histogram", "How long calls waited that got a seat, by class."),
    "penstock_admission_shed_total": (
        "counter",
        "Calls refused or turned away, by class and reason: full, late (it would wait too long), timeout (it did), shed"
        " (for a better one), pressure (of memory), share and crowd (of its key).",
    ),
    "penstock_admission_preempted_total": ("counter", "Seats that better calls took before the first byte, by class."),
    "penstock_admission_promoted_total": ("counter", "Seats that a class got although better calls waited."),
}


def put_admission(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    """Write what ``dumps`` (the ``admission`` of each worker) say together."""
    if not dumps:
        return
    seats: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    waiting: Counter[tuple[str, str]] = Counter()
    promoted: Counter[str] = Counter()
    waits: dict[str, Histogram] = {}
    for dump in dumps:
        for name, used, limit in [["door", *dump["door"]], *dump["upstreams"]]:
            seats[name] += limit
            taken[name] += used
        for place, queue in dump["queues"].items():
            for priority, number in queue["waiting"].items():
                waiting[place, priority] += number
            promoted.update(queue["promoted"])
        for priority, (buckets, seconds) in dump["waits"].items():
            histogram = waits.setdefault(priority, Histogram(tuple(dump["bounds"])))
            histogram.add(buckets, seconds)
    page.put("penstock_admission_load", max(dump["load"] for dump in dumps))
    for place, limit in seats.items():
        page.put("penstock_admission_seats", limit, place=place)
    for place, used in taken.items():
        page.put("penstock_admission_seats_taken", used, place=place)
    for (place, priority), number in waiting.items():
        page.put("penstock_admission_waiting", number, place=place, priority=priority)
    for priority, histogram in waits.items():
        page.put_histogram("penstock_admission_wait_seconds", histogram, priority=priority)
    for (reason, priority), number in sorted(by_pair(dumps, "shed").items()):
        page.put("penstock_admission_shed_total", number, reason=reason, priority=priority)
    for priority, number in by_name(dumps, "preempted").items():
        page.put("penstock_admission_preempted_total", number, priority=priority)
    for priority, number in promoted.items():
        page.put("penstock_admission_promoted_total", number, priority=priority)
