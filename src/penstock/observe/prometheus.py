"""Prometheus text exposition (format 0.0.4) of what the workers dumped, merged into one. Pure.

Enters: dumps of plain values, one a worker. Leaves: text. ``METRICS`` is the table of names; docs/metrics.md is made
of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from penstock.observe.board import Board
from penstock.observe.calls_page import CALL_METRICS, put_calls
from penstock.observe.discovery_page import DISCOVERY_METRICS, put_discovery
from penstock.observe.health_page import HEALTH_METRICS, put_health
from penstock.observe.histogram import Histogram
from penstock.observe.pages import SLICES

METRICS: dict[str, tuple[str, str]] = {
    "penstock_build_info": ("gauge", "Always 1; the version is a label."),
    "penstock_workers": ("gauge", "Workers that answered."),
    "penstock_uptime_seconds": ("gauge", "Since the eldest worker started."),
    "penstock_config_reloads_total": ("counter", "Configurations taken over since start, per worker."),
    **CALL_METRICS,
    "penstock_refused_at_the_edge_total": ("counter", "Requests refused before any room saw them."),
    "penstock_connections": ("gauge", "Connections from callers now open."),
    "penstock_connections_refused_total": ("counter", "Connections dropped because there were too many."),
    "penstock_streams": ("gauge", "Streams now flowing, by the pressure of what waits for their callers."),
    "penstock_streams_paused": ("gauge", "Streams that stand still because their callers do not read."),
    "penstock_stream_actions_total": (
        "counter",
        "What streams met: pauses, cuts, pings; events merged, delayed (as a batch) and dropped; by reason.",
    ),
    "penstock_stream_delay_seconds_total": (
        "counter",
        "How long events, batch by batch, waited in streams, by reason.",
    ),
    "penstock_account_bytes": ("gauge", "Bytes held by each account of the memory ledger."),
    "penstock_account_bound_bytes": ("gauge", "What each account may hold."),
    "penstock_account_refused_total": ("counter", "Reservations that an account refused."),
    "penstock_upstream_in_flight": ("gauge", "Calls now in flight at an upstream."),
    "penstock_upstream_calls_total": ("counter", "Calls sent to an upstream."),
    "penstock_upstream_connections": ("gauge", "Connections to an upstream now open."),
    "penstock_upstream_waiting_tokens": ("gauge", "Uncached tokens of the prompts that an upstream still has to read."),
    "penstock_upstream_decoding": ("gauge", "Calls at an upstream past their first token."),
    "penstock_upstream_prefix_blocks": ("gauge", "Pieces of prompts that routing believes cached at an upstream."),
    "penstock_upstream_prefill_tokens_per_second": ("gauge", "How fast an upstream reads prompts, as learned."),
    "penstock_upstream_token_seconds": ("gauge", "From token to token of one call alone at an upstream, as learned."),
    "penstock_upstream_kv_use_ratio": ("gauge", "Used share of an upstream's KV cache, as its metrics page told."),
    "penstock_upstream_reported_calls": ("gauge", "Calls at an upstream, anybody's, as its metrics page told."),
    "penstock_scrapes_total": (
        "counter",
        "Metrics pages of upstreams read: ok, refused, garbage, huge, late, failed.",
    ),
    "penstock_sessions": ("gauge", "Sessions whose upstream is remembered."),
    **DISCOVERY_METRICS,
    "penstock_engine_load_seconds": (
        "gauge",
        "How long the slowest replica of an own engine took to load its model, when it was started.",
    ),
    **HEALTH_METRICS,
    **{name: told for _, _, metrics in SLICES for name, told in metrics.items()},
    "penstock_process_cpu_seconds_total": ("counter", "CPU time used, by worker."),
    "penstock_process_resident_bytes": ("gauge", "Memory resident, by worker."),
    "penstock_process_descriptors": ("gauge", "Open file descriptors, by worker."),
    "penstock_process_tasks": ("gauge", "Background tasks running, by worker: as many under load as without."),
}


class Page:
    """Text under way."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._headed: set[str] = set()

    def put(self, name: str, value: float, **labels: object) -> None:
        """One sample of a metric in the table."""
        self._head(name)
        self._lines.append(f"{name}{_labels(labels)} {_number(value)}")

    def put_histogram(self, name: str, histogram: Histogram, **labels: object) -> None:
        """All samples of a histogram."""
        self._head(name)
        total = 0
        for bound, count in zip((*histogram.bounds, None), histogram.counts, strict=True):
            total += count
            le = "+Inf" if bound is None else _number(bound)
            self._lines.append(f"{name}_bucket{_labels({**labels, 'le': le})} {total}")
        self._lines.append(f"{name}_sum{_labels(labels)} {_number(histogram.sum)}")
        self._lines.append(f"{name}_count{_labels(labels)} {total}")

    def _head(self, name: str) -> None:
        if name not in self._headed:
            self._headed.add(name)
            kind, meaning = METRICS[name]
            self._lines.append(f"# HELP {name} {meaning}")
            self._lines.append(f"# TYPE {name} {kind}")

    def text(self) -> str:
        """The page."""
        return "\n".join(self._lines) + "\n"


def render(
    dumps: Sequence[dict[str, Any]],
    version: str,
    looks: Mapping[str, Mapping[str, int]] | None = None,
    loads: Mapping[str, Sequence[float]] | None = None,
) -> str:
    """One page over all workers. ``looks``: by upstream, its instances and what came of looking for them; ``loads``:
    the seconds in which each replica of an own engine loaded its model."""
    page = Page()
    page.put("penstock_build_info", 1, version=version)
    page.put("penstock_workers", len(dumps))
    page.put("penstock_uptime_seconds", max((dump["uptime"] for dump in dumps), default=0.0))
    page.put("penstock_config_reloads_total", max((dump["reloads"] for dump in dumps), default=0))
    board = Board()
    for dump in dumps:
        if dump["observed"] is not None:
            board.load(dump["observed"])
    put_calls(page, board)
    page.put("penstock_connections", _sum(dumps, "connections"))
    page.put("penstock_connections_refused_total", _sum(dumps, "connections_refused"))
    page.put("penstock_refused_at_the_edge_total", _sum(dumps, "refused_at_the_edge"))
    _streams(page, [dump["streams"] for dump in dumps if dump["streams"] is not None])
    accounts = _merged(dump["accounts"] for dump in dumps)
    for column, name in ((0, "account_bytes"), (1, "account_bound_bytes"), (3, "account_refused_total")):
        for account, numbers in accounts.items():
            page.put(f"penstock_{name}", numbers[column], account=account)
    upstreams = _merged(dump["upstreams"] for dump in dumps)
    for column, name in ((0, "upstream_in_flight"), (1, "upstream_calls_total"), (2, "upstream_connections")):
        for upstream, numbers in upstreams.items():
            page.put(f"penstock_{name}", numbers[column], upstream=upstream)
    put_discovery(page, looks or {})
    for upstream, seconds in (loads or {}).items():
        if seconds:
            page.put("penstock_engine_load_seconds", max(seconds), upstream=upstream)
    _routing(page, [dump["routing"] for dump in dumps])
    put_health(page, [dump["health"] for dump in dumps if dump.get("health") is not None])
    for name, put, _ in SLICES:
        put(page, [dump[name] for dump in dumps if dump.get(name) is not None])
    for field, name in (
        ("seconds", "process_cpu_seconds_total"),
        ("rss", "process_resident_bytes"),
        ("descriptors", "process_descriptors"),
        ("tasks", "process_tasks"),
    ):
        for dump in dumps:
            page.put(f"penstock_{name}", dump["process"][field], worker=dump["worker"])
    return page.text()


LEARNED = (
    ("waiting_tokens", "upstream_waiting_tokens", True),
    ("decoding", "upstream_decoding", True),
    ("prefix_blocks", "upstream_prefix_blocks", True),
    ("prefill_rate", "upstream_prefill_tokens_per_second", False),
    ("token_seconds", "upstream_token_seconds", False),
    ("kv_use", "upstream_kv_use_ratio", False),
    ("reported_calls", "upstream_reported_calls", False),
)
"""Of each upstream: the column, its metric, and whether the workers' numbers add up; else each has measured the same
thing, or has not."""


def _routing(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    """What routing has learned of each upstream."""
    rows: dict[str, list[dict[str, Any]]] = {}
    scrapes = Counter[tuple[str, str]]()
    for dump in dumps:
        for upstream, row in dump["rows"]:
            rows.setdefault(upstream, []).append(row)
        for upstream, result, number in dump["scrapes"]:
            scrapes[upstream, result] += number
    for column, name, adds_up in LEARNED:
        for upstream, those in rows.items():
            known = [row[column] for row in those if row[column] is not None]
            if known:
                page.put(f"penstock_{name}", sum(known) / (1 if adds_up else len(known)), upstream=upstream)
    for (upstream, result), number in scrapes.items():
        page.put("penstock_scrapes_total", number, upstream=upstream, result=result)
    page.put("penstock_sessions", _sum(dumps, "sessions"))


def _streams(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    """What the streaming room counted, if it is there."""
    levels, actions, delays = Counter[str](), Counter[tuple[str, str]](), Counter[str]()
    for dump in dumps:
        levels.update(dump["levels"])
        actions.update({(action, reason): number for action, reason, number in dump["actions"]})
        for reason, seconds in dump["delays"].items():
            delays[reason] += seconds
    for level, number in levels.items():
        page.put("penstock_streams", number, pressure=level)
    if dumps:
        page.put("penstock_streams_paused", _sum(dumps, "paused"))
    for (action, reason), number in actions.items():
        page.put("penstock_stream_actions_total", number, action=action, reason=reason)
    for reason, seconds in delays.items():
        page.put("penstock_stream_delay_seconds_total", seconds, reason=reason)


def _sum(dumps: Sequence[dict[str, Any]], field: str) -> int:
    return sum(dump[field] for dump in dumps)


def _merged(tables: Iterable[dict[str, list[int]]]) -> dict[str, list[int]]:
    merged: dict[str, list[int]] = {}
    for table in tables:
        for name, numbers in table.items():
            known = merged.get(name)
            merged[name] = list(numbers) if known is None else [a + b for a, b in zip(known, numbers, strict=True)]
    return merged


def _labels(labels: dict[str, object]) -> str:
    if not labels:
        return ""
    inner = ",".join(f'{name}="{_escaped(str(value))}"' for name, value in labels.items())
    return "{" + inner + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
