"""One picture of ``penstock top``: a glance in, so many lines of so many columns out. Pure.

Names that others chose are shown without what a terminal would obey.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.cli.paint import Paint, cut, padded
from penstock.cli.report_text import SEVERITY
from penstock.core.figures import dollars, number, share, took

ORDERS = ("calls", "failed", "ttft", "total", "name")
"""By what models are sorted; the key s takes the next."""
LEAST_WIDE, WIDE = 56, 74
"""Columns: fewer are not filled well; from the second on all of a model's are shown."""
SERVING = {"yes": "green", "partly": "yellow", "no": "red"}
STATES = {"closed": "green", "half_open": "yellow", "draining": "yellow"}


def frame(now: Mapping[str, Any], width: int, height: int, order: str, paint: Paint) -> list[str]:
    """At most ``height`` lines: what does not fit is left out from the end of the longest list."""
    width = max(LEAST_WIDE, width)
    head = list(_head(now, width, paint))
    below = list(_findings(now, width, paint))
    models, upstreams = list(_models(now, width, order, paint)), list(_upstreams(now, width, paint))
    room = height - len(head) - len(below)
    while len(models) + len(upstreams) > room and max(len(models), len(upstreams)) > 3:
        (models if len(models) >= len(upstreams) else upstreams).pop()
    return (head + models + upstreams + below)[:height]


def _head(now: Mapping[str, Any], width: int, paint: Paint) -> Iterator[str]:
    serving = now["serving"]
    word = {"yes": "serving", "partly": "serving in part", "no": "NOT SERVING"}[serving]
    yield (
        f"{paint('penstock', 'bold')} {cut(now['version'], 12)}  {paint(word, SERVING[serving])}"
        f"  {now['workers']} workers, up {took(now['uptime'])}"
    )
    if now["why"]:
        yield paint(cut("  " + "; ".join(now["why"]), width), SERVING[serving])
    summary = now["summary"]
    line = f"  in flight {now['in_flight']:,}   queue {now['queued']:,}   connections {now['connections']:,}"
    yield cut(line + f"   memory {share(now['memory'])}", width)
    if summary is None or not summary["calls"]:
        yield "  no calls in the last minute"
        return
    faults = summary["faults"]
    whose = ", ".join(
        f"{faults[name]:,} {name}" for name in ("upstream", "gateway", "caller", "left") if faults.get(name)
    )
    failed = share(summary["failed"] / summary["calls"])
    rate = summary["hits"] / summary["looked_up"] if summary["looked_up"] else None
    yield cut(
        f"  {number(summary['calls_per_second'])} calls/s   {failed} failed" + (f" ({whose})" if whose else ""), width
    )
    spend = summary["cost"] * 3600 / summary["seconds"] if summary["seconds"] else 0.0
    yield cut(f"  cache hits {share(rate)}   spend {dollars(spend)}/h   tokens out"
              f" {number(summary['tokens_out'] / max(1.0, summary['seconds']))}/s", width)  # fmt: skip


def _key(row: Mapping[str, Any], order: str) -> Any:
    if order == "name":
        return row["name"]
    value = (row[order] or {}).get("p95", 0.0) if order in ("ttft", "total") else row[order]
    return -value


def _models(now: Mapping[str, Any], width: int, order: str, paint: Paint) -> Iterator[str]:
    rows = [] if now["summary"] is None else now["summary"]["models"]
    if not rows:
        return
    yield ""
    heads = ("calls", "failed", "ttft p50", "p95", "total p50", "p95", "t/s")
    yield paint(_cells(f"model (by {order})", width, heads), "bold")
    for row in sorted(rows, key=lambda one: _key(one, order)):
        failing = row["failed"] / row["calls"] if row["calls"] else 0.0
        cells = [
            number(row["calls"]), share(failing), *(took((row["ttft"] or {}).get(rank)) for rank in ("p50", "p95")),
            *(took((row["total"] or {}).get(rank)) for rank in ("p50", "p95")), number(row["tokens_per_second"]),
        ]  # fmt: skip
        yield paint(_cells(row["name"] or "-", width, cells), "red" if failing > 0.05 else "")


def _cells(name: str, width: int, cells: Sequence[str]) -> str:
    wide = list(zip(cells, (7, 7, 9, 8, 9, 8, 6), strict=True))
    shown = wide if width >= WIDE else [wide[place] for place in (0, 1, 2, 4)]
    left = width - sum(each + 1 for _, each in shown)
    return " ".join([padded(name, left), *(padded(cell, each, True) for cell, each in shown)])


def _upstreams(now: Mapping[str, Any], width: int, paint: Paint) -> Iterator[str]:
    if not now["upstreams"]:
        return
    name = width - 36
    yield ""
    yield paint(f"{padded('upstream', name)} {padded('state', 14)} {padded('returns in', 10, True)}"
                f" {padded('in flight', 9, True)}", "bold")  # fmt: skip
    out_first: Sequence[Mapping[str, Any]] = sorted(
        now["upstreams"], key=lambda row: (row["state"] == "closed", -row["in_flight"], row["name"])
    )
    for row in out_first:
        back = took(row["back_in"]) if row["back_in"] else "-"
        state = padded(row["state"].replace("_", " "), 14)
        yield (
            f"{padded(row['name'], name)} {paint(state, STATES.get(row['state'], 'red'))} {padded(back, 10, True)}"
            f" {padded(number(row['in_flight']), 9, True)}"
        )


def _findings(now: Mapping[str, Any], width: int, paint: Paint) -> Iterator[str]:
    rows = [
        *(("alert", row["severity"], row["text"]) for row in now["alerts"]),
        *(("anomaly", row["severity"], row["cause"] or row["kind"].replace("_", " ")) for row in now["anomalies"]),
        *(("bottleneck", row["severity"], f"{took(row['impact'])} for {share(row['share'])}: {row['description']}")
          for row in now["bottlenecks"]),
    ]  # fmt: skip
    yield ""
    if not rows:
        yield "no alert, anomaly or bottleneck" + (f" ({', '.join(now['absent'])} not known)" if now["absent"] else "")
    for kind, severity, text in rows[:6]:
        yield f"{paint(padded(kind, 10), SEVERITY[severity])} {cut(text, width - 11)}"
    if len(rows) > 6:
        yield f"and {len(rows) - 6} more: penstock report"
