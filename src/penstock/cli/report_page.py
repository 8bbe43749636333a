"""The report as one HTML file: nothing is fetched, nothing runs, curves are inline SVG. Pure: JSON in, text out.

All that others wrote (models, keys, tags, texts) passes ``escaped``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.cli.report_text import WHERE, against, lasted, short
from penstock.cli.trend_words import NAMES, change
from penstock.core.figures import dollars, measured, moment, number, share, took
from penstock.core.page import document, escaped

_WIDE, _TALL, _TOP = 440, 100, 18
_STYLE = (
    "h2{margin:2rem 0 .4rem;font-size:1.15rem}h3{margin:1rem 0 .2rem;font-size:1rem}p{margin:.3rem 0}"
    "table{border-collapse:collapse;width:100%;font-size:14px}th,td{padding:.2rem .5rem;text-align:right}"
    "td,th{white-space:nowrap}tr{border-bottom:1px solid #8884}"
    "th:first-child,td:first-child{text-align:left;white-space:normal;word-break:break-word;min-width:9rem}"
    ".curves{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(22rem,100%),1fr));gap:0 2rem}"
    ".wide{overflow-x:auto}code{background:#8882;padding:.1rem .3rem;border-radius:3px;word-break:break-word}"
    ".before{stroke:#8a94a0}.now{stroke:#1f5f8b}polyline{fill:none;stroke-width:2}line{stroke:#8886}"
    ".good{color:#17692f}.bad{color:#a61b1b}.mild{color:#7a5200}.quiet{color:#666}"
    "@media(prefers-color-scheme:dark){.now{stroke:#6db3e8}.good{color:#7fd598}.bad{color:#ff9c9c}"
    ".mild{color:#f0c36d}.quiet{color:#aaa}}"
)
_HOW = {"critical": "bad", "high": "bad", "medium": "mild", "low": "quiet"}


def page(report: Mapping[str, Any]) -> str:
    """All of it."""
    title = f"Penstock, {moment(report['since'])} to {moment(report['until'])} UTC"
    body = [f"<h1>{escaped(title)}</h1>"]
    for head, part in (
        ("In short", _short(report)), ("Curves", _curves(report["curves"])),
        ("Models", _groups("model", report["summary"]["models"])),
        ("Upstreams", _groups("upstream", report["summary"]["upstreams"])),
        ("Keys", _parts("key", report["summary"]["keys"])), ("Tags", _parts("tag", report["summary"]["tags"])),
        ("Where the time of a call goes", _where(report["summary"]["where"])),
        ("Faster is cheaper", _savings(report["savings"])), ("Against the time before", _trends(report["trends"])),
        ("Objectives", _objectives(report["objectives"])), ("Bottlenecks", _bottlenecks(report["bottlenecks"])),
        ("Recommendations", _recommendations(report["recommendations"])), ("Alerts", _alerts(report["alerts"])),
        ("Anomalies", _anomalies(report["anomalies"])), ("Experiments", _experiments(report["experiments"])),
        ("What is not known", (_p(f"{name}: {why}") for name, why in report["absent"].items())),
    ):  # fmt: skip
        told = "".join(part)
        if told:
            body.append(f"<section><h2>{head}</h2>{told}</section>")
    return document(title, _STYLE, f"<main>{''.join(body)}</main>")


def _p(text: object, how: str = "") -> str:
    return f'<p class="{how}">{escaped(text)}</p>' if how else f"<p>{escaped(text)}</p>"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    top = "".join(f'<th scope="col">{escaped(cell)}</th>' for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in row)}</tr>" for row in rows)
    opened = f'<div class="wide" tabindex="0" role="group" aria-label="{escaped(head[0])}">'
    return f"{opened}<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _failed(row: Mapping[str, Any]) -> str:
    return share(row["failed"] / row["calls"] if row["calls"] else 0.0)


def _short(report: Mapping[str, Any]) -> Iterator[str]:
    summary, whole = report["summary"], report["until"] - report["since"]
    for row in short(summary):
        yield _p(row)
    yield _p(f"tokens: {number(summary['tokens_in'])} in, {number(summary['tokens_out'])} out;"
             f" cost {dollars(summary['cost'])}, saved {dollars(summary['saved'])}")  # fmt: skip
    if report["covered_seconds"] < 0.9 * whole:
        yield _p(f"{took(report['covered_seconds'])} of these {took(whole)} are known.", "mild")


def _groups(what: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    head = (what, "calls", "failed", "ttft p50", "p95", "p99", "total p50", "p95", "p99", "t/s", "in", "out",
            "cost")  # fmt: skip
    ranks = ("p50", "p95", "p99")
    yield _table(head, [
        (row["name"] or "-", number(row["calls"]), _failed(row),
         *(took((row[kind] or {}).get(rank)) for kind in ("ttft", "total") for rank in ranks),
         number(row["tokens_per_second"]), number(row["tokens_in"]), number(row["tokens_out"]), dollars(row["cost"]))
        for row in rows
    ])  # fmt: skip


def _parts(what: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if rows:
        yield _table((what, "calls", "failed", "tokens in", "tokens out", "cost", "saved"), [
            (row["name"], number(row["calls"]), _failed(row), number(row["tokens_in"]), number(row["tokens_out"]),
             dollars(row["cost"]), dollars(row["saved"]))
            for row in rows
        ])  # fmt: skip


def _where(parts: Mapping[str, float]) -> Iterator[str]:
    whole = sum(parts.values())
    if whole:
        yield _table(("where", "a call", "share"), [
            (WHERE.get(name, name), took(value), share(value / whole)) for name, value in parts.items() if value
        ])  # fmt: skip


def _savings(savings: Mapping[str, Any]) -> Iterator[str]:
    yield _p(f"The cache answered {savings['hits']:,} calls ({share(savings['hit_rate'])} of those it could):"
             f" {took(savings['seconds'])} less waiting, {dollars(savings['saved'])} saved.")  # fmt: skip
    faster = savings["faster"]
    if faster is not None:
        yield from (_p(f"{row}.") for row in against(faster))


def _trends(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    yield _table(("measure", "before", "now", "change"), [
        (NAMES.get(row["name"], row["name"]), measured(row["before"], row["unit"]), measured(row["now"], row["unit"]),
         change(row) if row["significant"] else "may be chance")
        for row in rows
    ])  # fmt: skip


def _objectives(rows: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    if rows:
        yield _table(("objective", "good", "wanted", "within", "budget left", "state"), [
            (row["name"], "-" if row["good"] is None else f"{row['good']:.3%}", f"{row['target']:.1%}",
             took(row["limit_seconds"]), f"{max(0.0, row['budget_left']):.0%}",
             ("met" if row["met"] else "broken") + (", budget burns" if row["alerts"] else ""))
            for row in rows
        ])  # fmt: skip


def _code(line: str) -> str:
    return f"<p><code>{escaped(line)}</code></p>" if line else ""


def _bottlenecks(rows: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    if rows == []:
        yield _p("None.")
    for row in rows or []:
        kind = f"{row['kind'].replace('_', ' ')} {row['name']}".strip()
        yield f'<h3 class="{_HOW[row["severity"]]}">{escaped(row["severity"])}: {escaped(kind)}</h3>'
        yield _p(f"{row['description']}. {took(row['impact'])} for {share(row['share'])} of the calls.")
        yield _p(row["recommendation"]) + _code(row["action"])


def _recommendations(rows: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    if rows == []:
        yield _p("None.")
    for row in rows or []:
        yield f"<h3>{escaped(row['title'])}</h3>"
        yield _p(f"Priority {row['priority']}, effort {row['effort']}. {row['description']}")
        yield _p(f"Benefit: {row['benefit']}.")
        steps = (
            f"<li>{escaped(one['kind'])}: {escaped(one['text'])}{_code(one['config'])}</li>" for one in row["actions"]
        )
        yield f"<ul>{''.join(steps)}</ul>"


def _alerts(rows: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    if rows == []:
        yield _p("None opened.")
    for row in rows or []:
        yield _p(f"{row['severity']}: {row['name']}, {lasted(row)}", _HOW[row["severity"]])
        yield _p(row["text"])


def _anomalies(rows: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    if rows == []:
        yield _p("None.")
    for row in rows or []:
        kind = row["kind"].replace("_", " ")
        yield _p(f"{row['severity']}: {kind}, {lasted(row)}", _HOW[row["severity"]])
        yield _p(row["cause"] or f"{row['measure']} {row['actual']:.4g}, not {row['expected']:.4g}")


def _experiments(rows: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    if rows == []:
        yield _p("None.")
    for row in rows or []:
        one = row["proposal"]
        effect = "" if row["effect"] is None else f", {one['metric']} {row['effect']:+.1%}"
        yield _p(f"{row['id']} {row['state'].replace('_', ' ')}{effect}: {one['setting']} = {one['value']}."
                 f" {one['description']}")  # fmt: skip


def _curves(curves: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The time before in grey, the time that is told in blue; a gap is a time without calls."""
    if not curves:
        return
    yield _p("Grey: the time before.", "quiet")
    yield f'<div class="curves">{"".join(_curve(curve) for curve in curves)}</div>'


def _curve(curve: Mapping[str, Any]) -> str:
    values = curve["values"]
    most = max([value for value in values if value is not None] + [1e-12])
    half = len(values) // 2
    name, height = NAMES.get(curve["name"], curve["name"]), measured(most, curve["unit"])
    across = _WIDE / max(1, len(values) - 1)
    drawn = [
        f'<polyline class="{how}" points="{points}"/>'
        for how, first, last in (("before", 0, half + 1), ("now", half, len(values)))
        for points in _lines(values, first, last, across, most)
    ]
    middle = f'<line x1="{half * across:.1f}" x2="{half * across:.1f}" y1="{_TOP}" y2="{_TALL}"/>'
    floor = f'<line x1="0" x2="{_WIDE}" y1="{_TALL}" y2="{_TALL}"/>'
    times = (
        f'<text x="0" y="{_TALL + 16}">{escaped(moment(curve["start"]))}</text>'
        f'<text x="{half * across:.1f}" y="{_TALL + 16}">{escaped(moment(curve["since"]))}</text>'
    )
    return (
        f'<div><h3>{escaped(name)}</h3><svg viewBox="0 0 {_WIDE} {_TALL + 20}" role="img"'
        f' aria-label="{escaped(f"{name}: at most {height}")}"><text x="0" y="12">{escaped(height)}</text>'
        f"{floor}{middle}{times}{''.join(drawn)}</svg></div>"
    )


def _lines(values: Sequence[float | None], first: int, last: int, across: float, most: float) -> Iterator[str]:
    """Points of each stretch without a gap; a single one is drawn as a short line."""
    stretch: list[str] = []
    for place in range(first, last + 1):
        value = values[place] if place < last and place < len(values) else None
        if value is not None:
            stretch.append(f"{place * across:.1f},{_TALL - (_TALL - _TOP) * value / most:.1f}")
        elif stretch:
            x, y = stretch[-1].split(",")
            yield " ".join(stretch if len(stretch) > 1 else [*stretch, f"{float(x) + 2:.1f},{y}"])
            stretch = []
