"""A comparison as one HTML page with SVG plots: nothing is fetched, nothing runs. Pure: measures in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.core.page import document, escaped
from penstock.simulate.measures import Measures
from penstock.simulate.report import means, ordered

_PLOTS = (
    ("goodput", "Calls within the goal", 100.0, "%"),
    ("first_p90", "First token, p90", 1.0, "s"),
    ("total_p90", "Whole answer, p90", 1.0, "s"),
    ("gap_p90", "Gap between tokens, p90", 1000.0, "ms"),
    ("hit_rate", "Prompt tokens found cached", 100.0, "%"),
    ("failed", "Failed", 100.0, "%"),
    ("imbalance", "Most work of a replica over the mean", 1.0, "x"),
)
_STYLE = ".bar{fill:#7d9bb5}.ours{fill:#1f5f8b}.dot{fill:#0006}@media(prefers-color-scheme:dark){.dot{fill:#fff8}}"
_ROW = 24
_LEFT = 150
_WIDE = 720


def page(title: str, facts: Mapping[str, str], told: Mapping[str, Sequence[Measures]]) -> str:
    """The page. ``facts`` say what was played; a dot is one seed, a bar the mean."""
    order = ordered(told)
    listed = "".join(f"<li>{escaped(name)}: {escaped(value)}</li>" for name, value in facts.items())
    plots = "".join(_plot(name, head, factor, unit, order, told) for name, head, factor, unit in _PLOTS)
    return document(title, _STYLE, f"<h1>{escaped(title)}</h1><ul>{listed}</ul>{plots}")


def _plot(
    name: str, head: str, factor: float, unit: str, order: Sequence[str], told: Mapping[str, Sequence[Measures]]
) -> str:
    series = {policy: [_plain(getattr(one, name) * factor) for one in told[policy]] for policy in order}
    most = max([max(values) for values in series.values()] + [1e-9])
    scale = (_WIDE - _LEFT - 90) / most
    parts: list[str] = []
    for place, policy in enumerate(order):
        top = place * _ROW
        mean = _plain(means(told[policy])[name] * factor)
        kind = "ours" if policy == "adaptive" else "bar"
        parts.append(f'<text x="{_LEFT - 8}" y="{top + 16}" text-anchor="end">{escaped(policy)}</text>')
        parts.append(f'<rect class="{kind}" x="{_LEFT}" y="{top + 4}" width="{mean * scale:.1f}" height="{_ROW - 9}"/>')
        parts += [
            f'<circle class="dot" cx="{_LEFT + value * scale:.1f}" cy="{top + 11.5}" r="2"/>'
            for value in series[policy]
        ]
        parts.append(f'<text x="{_LEFT + max(series[policy]) * scale + 8:.1f}" y="{top + 16}">{mean:.3g} {unit}</text>')
    tall = len(order) * _ROW
    return (
        f'<h2>{escaped(head)}</h2><svg viewBox="0 0 {_WIDE} {tall}" role="img" aria-label="{escaped(head)}">'
        + "".join(parts)
        + "</svg>"
    )


def _plain(value: float) -> float:
    """A percentile may be endless, when too many calls failed; a bar may not."""
    return value if value < 1e9 else 0.0
