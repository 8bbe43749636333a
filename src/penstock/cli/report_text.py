"""The report for a terminal of 80 columns. Pure: the report as JSON in, lines out.

Names that callers chose are shown without what a terminal would obey, and cut to their column.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.cli.paint import Paint, cut, padded
from penstock.cli.trend_words import NAMES, change
from penstock.core.figures import dollars, measured, moment, number, share, took

WIDE = 80
MOST_ROWS = 8
SEVERITY = {"critical": "red", "high": "red", "medium": "yellow", "low": "dim"}
PRIORITY = {"high": "red", "medium": "yellow", "low": "dim"}
WHERE = {
    "own": "the gateway itself", "queue": "waiting for seats and others", "connecting": "connecting to upstreams",
    "prefill": "prompts being read (streams)", "generating": "tokens, one after another",
    "other": "upstreams and their network, else",
}  # fmt: skip


def lines(report: Mapping[str, Any], paint: Paint) -> list[str]:
    """All of it."""
    told: list[str] = [
        paint(f"Penstock, {moment(report['since'])} to {moment(report['until'])} UTC", "bold"),
        *_covered(report),
    ]
    for head, part in (
        ("In short", _short(report)), ("Models", _models(report["summary"]["models"])),
        ("Upstreams", _upstreams(report["summary"]["upstreams"])),
        ("Where the time of a call goes", _where(report["summary"])),
        ("Faster is cheaper", _savings(report["savings"])),
        ("Against the time before", _trends(report["trends"], paint)),
        ("Objectives", _objectives(report["objectives"], paint)),
        ("Bottlenecks, the dearest first", _bottlenecks(report["bottlenecks"], paint)),
        ("Recommendations", _recommendations(report["recommendations"], paint)),
        ("Alerts", _alerts(report["alerts"], paint)), ("Anomalies", _anomalies(report["anomalies"], paint)),
        ("Experiments", _experiments(report["experiments"])),
    ):  # fmt: skip
        rows = list(part)
        if rows:
            told += ["", paint(head, "bold"), *rows]
    if report["absent"]:
        told += ["", *(paint(f"{name}: {why}", "dim") for name, why in report["absent"].items())]
    return told


def _covered(report: Mapping[str, Any]) -> Iterator[str]:
    whole = report["until"] - report["since"]
    if report["covered_seconds"] < 0.9 * whole:
        yield f"{took(report['covered_seconds'])} of these {took(whole)} are known."


def short(summary: Mapping[str, Any]) -> Iterator[str]:
    """Calls, errors and whose they are, in two lines or less."""
    faults = summary["faults"]
    yield (
        f"{summary['calls']:,} calls ({number(summary['calls_per_second'])} a second),"
        f" {share(summary['failed'] / summary['calls'] if summary['calls'] else 0.0)} failed"
    )
    whose = [
        f"{faults[name]:,} {words}"
        for name, words in (("upstream", "upstreams' fault"), ("gateway", "the gateway's"),
                            ("caller", "callers' own"), ("left", "left by callers"))
        if faults.get(name)
    ]  # fmt: skip
    if whose:
        yield "errors: " + ", ".join(whose)


def _short(report: Mapping[str, Any]) -> Iterator[str]:
    summary = report["summary"]
    yield from _indent(short(summary))
    cached = share(summary["tokens_cached"] / summary["tokens_in"]) if summary["tokens_in"] else "none"
    yield f"  tokens: {number(summary['tokens_in'])} in ({cached} cached), {number(summary['tokens_out'])} out"
    yield f"  cost {dollars(summary['cost'])}, saved {dollars(summary['saved'])}"
    for name in ("errors",):
        rows = summary[name][:3]
        if rows:
            yield "  most errors: " + ", ".join(f"{cut(row['name'], 24)} ({row['calls']:,})" for row in rows)


def _table(head: Sequence[str], widths: Sequence[int], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in [head, *rows]:
        cells = [padded(row[0], widths[0]), *(padded(cell, width, True) for cell, width in
                                              zip(row[1:], widths[1:], strict=True))]  # fmt: skip
        yield ("  " + " ".join(cells)).rstrip()


def _models(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    cells = [
        (row["name"] or "-", number(row["calls"]), share(row["failed"] / row["calls"] if row["calls"] else 0.0),
         *(took((row["ttft"] or {}).get(name)) for name in ("p50", "p95")),
         *(took((row["total"] or {}).get(name)) for name in ("p50", "p95")),
         number(row["tokens_per_second"]), dollars(row["cost"]))
        for row in rows[:MOST_ROWS]
    ]  # fmt: skip
    head = ("", "calls", "failed", "ttft p50", "p95", "total p50", "p95", "t/s", "cost")
    yield from _table(head, (14, 6, 7, 8, 7, 9, 7, 5, 7), cells)
    yield from _more(rows)


def _upstreams(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    cells = [
        (row["name"], number(row["calls"]), share(row["failed"] / row["calls"] if row["calls"] else 0.0),
         number(row["retried"]), number(row["rescued"]), took((row["ttft"] or {}).get("p95")),
         took((row["total"] or {}).get("p95")))
        for row in rows[:MOST_ROWS]
    ]  # fmt: skip
    head = ("", "calls", "failed", "retried", "rescued", "ttft p95", "total p95")
    yield from _table(head, (22, 8, 8, 8, 8, 9, 9), cells)
    yield from _more(rows)


def _more(rows: Sequence[object]) -> Iterator[str]:
    if len(rows) > MOST_ROWS:
        yield f"  and {len(rows) - MOST_ROWS} more (--json tells all)"


def _where(summary: Mapping[str, Any]) -> Iterator[str]:
    parts = summary["where"]
    whole = sum(parts.values())
    if not whole:
        return
    for name, value in parts.items():
        if value:
            bar = "#" * round(24 * value / whole)
            yield f"  {WHERE.get(name, name):<34} {took(value):>8} {share(value / whole):>8}  {bar}".rstrip()


def _savings(savings: Mapping[str, Any]) -> Iterator[str]:
    if savings["hits"]:
        yield f"  the cache answered {savings['hits']:,} calls, {share(savings['hit_rate'])} of those it could"
        yield (
            f"  that is {took(savings['seconds'])} of waiting less ({took(savings['seconds_a_hit'])} each)"
            f" and {dollars(savings['saved'])} saved"
        )
    else:
        yield "  no call was answered from the cache"
    faster = savings["faster"]
    if faster is not None:
        yield from _indent(against(faster))


def against(faster: Mapping[str, Any]) -> Iterator[str]:
    """What calls take and cost less or more than before; what did not change is not told."""
    for amount, words in (
        (faster["seconds"], f"{took(abs(faster['seconds_a_call']))} %s a call than before,"
                            f" {took(abs(faster['seconds']))} in all"),
        (faster["cost"], f"{dollars(abs(faster['cost']))} %s than as many calls cost before"),
    ):  # fmt: skip
        if amount:
            yield words % ("less" if amount > 0 else "more")


def lasted(row: Mapping[str, Any]) -> str:
    """When an alert or anomaly began, and its end if it had one."""
    began = row["opened"] if "opened" in row else row["start"]
    ended = row["closed"] if "opened" in row else row["end"]
    return f"since {moment(began)}" if ended is None else f"{moment(began)} to {moment(ended)}"


def _trends(rows: Sequence[Mapping[str, Any]], paint: Paint) -> Iterator[str]:
    if rows and not any(row["significant"] for row in rows):
        yield "  no measure differs by more than chance"
    for row in rows:
        if not row["significant"]:
            continue
        how = {"better": "green", "worse": "red"}.get(row["verdict"], "")
        values = f"{measured(row['before'], row['unit'])} -> {measured(row['now'], row['unit'])}"
        yield f"  {NAMES.get(row['name'], row['name']):<28} {values:<24} " + paint(change(row), how)


def _objectives(rows: Sequence[Mapping[str, Any]] | None, paint: Paint) -> Iterator[str]:
    for row in rows or []:
        limit = "" if row["limit_seconds"] is None else f" within {took(row['limit_seconds'])}"
        kept = "no calls yet" if row["good"] is None else f"{row['good']:.3%} of {row['target']:.1%}{limit}"
        left = max(0.0, row["budget_left"])
        word = paint("met", "green") if row["met"] else paint("broken", "red")
        if row["alerts"]:
            word += ", " + paint("burning", "red")
        yield f"  {padded(row['name'], 18)} {kept:<31} {left:>4.0%} left  {word}"


def _wrapped(text: str, indent: int) -> Iterator[str]:
    plain = cut(text, 2000)
    yield from textwrap.wrap(plain, WIDE, initial_indent=" " * indent, subsequent_indent=" " * indent)


def _indent(rows: Iterator[str]) -> Iterator[str]:
    return (f"  {row}" for row in rows)


def _config(line: str) -> Iterator[str]:
    """Never broken: it is copied from here."""
    if line:
        yield f"      {cut(line, 2000)}"


def _bottlenecks(rows: Sequence[Mapping[str, Any]] | None, paint: Paint) -> Iterator[str]:
    if rows == []:
        yield "  none"
    for row in rows or []:
        name = f" {cut(row['name'], 30)}" if row["name"] else ""
        kind = row["kind"].replace("_", " ")
        yield (
            f"  {paint(row['severity'], SEVERITY[row['severity']])}: {kind}{name}:"
            f" {took(row['impact'])} for {share(row['share'])} of the calls"
        )
        yield from _wrapped(row["description"] + ".", 4)
        yield from _wrapped("-> " + row["recommendation"], 4)
        yield from _config(row["action"])


def _recommendations(rows: Sequence[Mapping[str, Any]] | None, paint: Paint) -> Iterator[str]:
    if rows == []:
        yield "  none"
    for place, row in enumerate(rows or [], 1):
        priority = paint(row["priority"], PRIORITY[row["priority"]])
        yield f"  {place}. {cut(row['title'], 48)} (priority {priority}, effort {row['effort']})"
        yield from _wrapped(row["description"], 5)
        yield from _wrapped("benefit: " + row["benefit"], 5)
        for action in row["actions"]:
            yield from _wrapped(f"- {action['kind']}: {action['text']}", 5)
            yield from _config(action["config"])


def _alerts(rows: Sequence[Mapping[str, Any]] | None, paint: Paint) -> Iterator[str]:
    if rows == []:
        yield "  none opened"
    for row in rows or []:
        yield f"  {paint(row['severity'], SEVERITY[row['severity']])}: {cut(row['name'], 30)}, {lasted(row)}"
        yield from _wrapped(row["text"], 4)


def _anomalies(rows: Sequence[Mapping[str, Any]] | None, paint: Paint) -> Iterator[str]:
    if rows == []:
        yield "  none"
    for row in rows or []:
        kind = row["kind"].replace("_", " ")
        yield f"  {paint(row['severity'], SEVERITY[row['severity']])}: {kind}, {lasted(row)}"
        yield from _wrapped(row["cause"] or f"{row['measure']} {row['actual']:.4g}, not {row['expected']:.4g}", 4)


def _experiments(rows: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    if rows == []:
        yield "  none"
    for row in rows or []:
        proposal = row["proposal"]
        effect = "" if row["effect"] is None else f", {proposal['metric']} {row['effect']:+.1%}"
        yield f"  {row['id']} {row['state'].replace('_', ' ')}{effect}"
        yield from _wrapped(f"{proposal['setting']} = {proposal['value']}: {proposal['description']}", 4)
