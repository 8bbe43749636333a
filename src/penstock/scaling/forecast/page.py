"""A backtest as one HTML page with SVG plots: nothing is fetched, nothing runs. Pure: a result in, text out."""

from __future__ import annotations

import html
from itertools import pairwise

import numpy as np

from penstock.scaling.forecast.backtest import OURS, Backtest, Judged
from penstock.scaling.forecast.past import Floats

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "svg{display:block;width:100%;height:auto}table{border-collapse:collapse}"
    "td,th{padding:.2rem .8rem;text-align:right}"
    "td:first-child,th:first-child{text-align:left}polyline{fill:none;stroke-width:1.2}"
    ".came{stroke:#888}.ours{stroke:#1f5f8b}.upper{fill:#1f5f8b22}tr.us{font-weight:600}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}.ours{stroke:#7db5dd}.upper{fill:#7db5dd33}}"
)
_WIDE, _TALL = 960, 240
_POINTS = 480
"""Of a curve; the last of the series."""


def page(name: str, told: Backtest) -> str:
    """The page."""
    title = html.escape(f"Forecast of {name}")
    facts = (
        f"{told.values} values, {told.step:g} s apart, {told.gaps} gaps. Judged from value {told.judged_from} on."
        f" {told.seconds_a_step * 1000:.2f} ms a step."
    )
    plots = "".join(_plot(one) for one in told.horizons)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{html.escape(facts)}</p>{_table(told)}{plots}</html>\n"
    )


def _table(told: Backtest) -> str:
    heads = "".join(f"<th>{one.minutes:g} min</th>" for one in told.horizons)
    rows = [
        f"<tr{' class=us' if name == OURS else ''}><td>{html.escape(name)}</td>"
        + "".join(f"<td>{one.wape[name]:.2f} %</td>" for one in told.horizons)
        + "</tr>"
        for name in told.horizons[0].wape
    ]
    covered = "".join(f"<td>{100 * one.coverage[0.9]:.1f} %</td>" for one in told.horizons)
    return (
        f"<table><caption>Sum of errors over sum of load</caption><tr><th>forecaster</th>{heads}</tr>{''.join(rows)}"
        f"<tr><td>below our 90 % quantile</td>{covered}</tr></table>"
    )


def _plot(one: Judged) -> str:
    came, ours, upper = one.truth[-_POINTS:], one.said[OURS][-_POINTS:], one.upper[-_POINTS:]
    most = float(np.nanmax([np.nanmax(came), np.nanmax(ours), np.nanmax(upper), 1e-9]))
    area = " ".join(f"{x:.1f},{y:.1f}" for x, y in _places(upper, most))
    label = html.escape(f"{one.minutes:g} minutes ahead: what came, what we said, and our 90 % quantile")
    return (
        f'<h2>{one.minutes:g} minutes ahead</h2><svg viewBox="0 0 {_WIDE} {_TALL}" role="img" aria-label="{label}">'
        f'<polygon class="upper" points="0,{_TALL} {area} {_WIDE},{_TALL}"/>'
        f"{_lines(came, most, 'came')}{_lines(ours, most, 'ours')}</svg>"
    )


def _places(values: Floats, most: float) -> list[tuple[float, float]]:
    wide = _WIDE / max(1, len(values) - 1)
    return [(at * wide, _TALL * (1 - value / most)) for at, value in enumerate(values.tolist()) if not np.isnan(value)]


def _lines(values: Floats, most: float, kind: str) -> str:
    """A curve, broken where there is nothing."""
    holes = [-1, *np.flatnonzero(np.isnan(values)).tolist(), len(values)]
    wide = _WIDE / max(1, len(values) - 1)
    parts = []
    for begin, end in pairwise(holes):
        points = " ".join(
            f"{at * wide:.1f},{_TALL * (1 - float(values[at]) / most):.1f}" for at in range(begin + 1, end)
        )
        if points:
            parts.append(f'<polyline class="{kind}" points="{points}"/>')
    return "".join(parts)
