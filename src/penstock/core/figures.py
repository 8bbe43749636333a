"""Numbers as people read them, short enough for a column. Pure."""

from __future__ import annotations

import datetime

from penstock.core.units import MICRO


def took(value: float | None) -> str:
    """``1.2 ms``, ``85 ms``, ``1.24 s``, ``3.1 h``; ``-`` for none."""
    if value is None:
        return "-"
    size = abs(value)
    if size >= 2 * 86_400:
        return f"{value / 86_400:.1f} d"
    if size >= 7200:
        return f"{value / 3600:.1f} h"
    if size >= 120:
        return f"{value / 60:.0f} min"
    if size >= 10:
        return f"{value:.1f} s"
    if size >= 1:
        return f"{value:.2f} s"
    return f"{value * 1000:.0f} ms" if size >= 0.01 else f"{value * 1000:.1f} ms"


def number(value: float | None) -> str:
    """``950``, ``12.4k``, ``3.10M``."""
    if value is None:
        return "-"
    for factor, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= factor:
            return f"{value / (1e3 if sign == 'k' else factor):.1f}{sign}"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def dollars(micro: float | None) -> str:
    """Micro-dollars: ``$12.30``, ``$0.0004``."""
    if micro is None:
        return "-"
    amount = micro / MICRO
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    if amount >= 0.01 or not amount:
        return f"{sign}${amount:,.2f}"
    return f"{sign}${amount:.6f}".rstrip("0") if amount >= 1e-6 else f"{sign}<$0.000001"


def share(value: float | None) -> str:
    """``12.3 %``, ``0.02 %``."""
    if value is None:
        return "-"
    return f"{value * 100:.1f} %" if abs(value) >= 0.001 or not value else f"{value * 100:.3f} %"


def moment(time: float) -> str:
    """A Unix time, in UTC."""
    return datetime.datetime.fromtimestamp(time, datetime.UTC).strftime("%Y-%m-%d %H:%M")


def measured(value: float | None, unit: str) -> str:
    """A value in the unit that its row names."""
    first = unit.partition(" ")[0]
    if first == "seconds":
        return took(value)
    if first == "share":
        return share(value)
    return dollars(value) if first == "micro-dollars" else number(value)
