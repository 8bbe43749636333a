"""A contest as one HTML page: the curves, and a stretch of time; nothing is fetched, nothing runs. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from penstock.core.page import document, escaped
from penstock.simulate.scaling.contest import OURS, Point
from penstock.simulate.scaling.curves import LEAST, by_policy, front
from penstock.simulate.scaling.play import Trail
from penstock.simulate.scaling.report import text

_WIDE, _TALL, _LEFT = 860, 380, 60
_LOW, _HIGH = 1e-5, 0.3
_COLOURS = ("#1f5f8b", "#b5532a", "#2b7a3b", "#8a4f9e", "#8a7a1f", "#b02a5b", "#3f6f6f", "#7a7a7a", "#4a4ab0", "#111")
_STYLE = (
    "polyline{fill:none;stroke-width:1.6}.us{stroke-width:3.2}circle{stroke:none}line{stroke:#8884}pre{overflow-x:auto;"
    "font-size:12px}.load{stroke:#1f5f8b}.carried{stroke:#b5532a}.late{fill:#b02a5b66}"
    "@media(prefers-color-scheme:dark){.plot{filter:invert(1) hue-rotate(180deg)}.plot text{fill:#222}}"
)


def page(title: str, facts: Mapping[str, str], points: Sequence[Point], ideal: float, trail: Trail | None) -> str:
    """The page. ``facts`` say what was played; ``trail``: of our policy."""
    listed = "".join(f"<li>{escaped(name)}: {escaped(value)}</li>" for name, value in facts.items())
    body = f"<h1>{escaped(title)}</h1><ul>{listed}</ul>{_curves(points, ideal)}"
    if trail is not None and trail.load:
        body += _course(trail)
    return document(title, _STYLE, f"<main>{body}<pre>{escaped_lines(text(points, ideal))}</pre></main>")


def escaped_lines(told: str) -> str:
    """Line by line: a line's end is no sign that can be seen."""
    return "\n".join(escaped(line) for line in told.splitlines())


def _curves(points: Sequence[Point], ideal: float) -> str:
    named = by_policy(points)
    shares = [one.hours / ideal for one in points if _LOW <= one.violations <= _HIGH] or [1.0]
    most = max(min(max(shares), 3.0), 1.05)

    def place(one: Point) -> tuple[float, float]:
        across = (math.log(min(_HIGH, max(one.violations, _LOW, LEAST))) - math.log(_LOW)) / math.log(_HIGH / _LOW)
        up = min(1.0, max(0.0, (one.hours / ideal - 1.0) / (most - 1.0)))
        return _LEFT + across * (_WIDE - _LEFT - 150), 20 + (1 - up) * (_TALL - 60)

    drawn = [
        f'<line x1="{x:.0f}" x2="{x:.0f}" y1="20" y2="{_TALL - 40}"/>'
        f'<text x="{x:.0f}" y="{_TALL - 22}" text-anchor="middle">{share:.3g} %</text>'
        for share in (0.001, 0.01, 0.1, 1.0, 10.0)
        if (x := _LEFT + math.log(share / 100 / _LOW) / math.log(_HIGH / _LOW) * (_WIDE - _LEFT - 150)) >= _LEFT
    ]
    drawn += [
        f'<text x="{_LEFT - 8}" y="{20 + (1 - part) * (_TALL - 60) + 4:.0f}" text-anchor="end">'
        f"{1 + part * (most - 1):.2f}</text>"
        for part in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    for number, (name, its) in enumerate(named.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        line = [place(one) for one in front(its)]
        told = " ".join(f"{x:.1f},{y:.1f}" for x, y in line)
        kind = ' class="us"' if name == OURS else ""
        drawn.append(f'<polyline{kind} stroke="{colour}" points="{told}"/>')
        drawn += [f'<circle fill="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in line]
        drawn.append(f'<text x="{_WIDE - 140}" y="{30 + 18 * number}" style="fill:{colour}">{escaped(name)}</text>')
    label = "Share of calls late, gone or cut against replica-hours, of those of replicas that are always full"
    return (
        f"<h2>Violations and replica-hours</h2><p>{label}; lower left is better.</p>"
        f'<svg class="plot" viewBox="0 0 {_WIDE} {_TALL}" role="img" aria-label="{label}">{"".join(drawn)}</svg>'
    )


def _course(trail: Trail) -> str:
    most = max(*trail.load, *trail.carried, 1e-9)
    wide = _WIDE / max(1, len(trail.load) - 1)

    def line(values: Sequence[float], kind: str) -> str:
        told = " ".join(f"{at * wide:.1f},{200 - 190 * value / most:.1f}" for at, value in enumerate(values))
        return f'<polyline class="{kind}" points="{told}"/>'

    late = "".join(
        f'<rect class="late" x="{at * wide:.1f}" y="{200 - 190 * share:.1f}" width="{max(1.0, wide):.1f}"'
        f' height="{190 * share:.1f}"/>'
        for at, share in enumerate(trail.late)
        if share > 0.005
    )
    label = "Load (blue), what ready replicas of our policy carry (brown), share of calls late (red)"
    return (
        f'<h2>Our policy over time</h2><p>{label}</p><svg class="plot" viewBox="0 0 {_WIDE} 204" role="img"'
        f' aria-label="{label}">{late}{line(trail.carried, "carried")}{line(trail.load, "load")}</svg>'
    )
