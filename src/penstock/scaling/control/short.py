"""Pools that have been short of replicas for a while, as alerts: nobody reads a log all day. Pure: time is passed in.

Enters: the rows of pools that we scale, as the supervisor tells them, every few seconds. Leaves: an Alert where one
opens, becomes better or worse, or closes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.core.alert import Alert, Severity

PATIENCE_SECONDS = 60.0
"""One that fails and is replaced within this is nobody's business."""


@dataclass(slots=True)
class _Lack:
    since: float
    alert: Alert | None = None


class Short:
    """See the module."""

    def __init__(self) -> None:
        self._lacks: dict[str, _Lack] = {}

    def look(self, pools: Mapping[str, Mapping[str, Any]], now: float) -> list[Alert]:
        """What there is to tell of them."""
        told = []
        for name, row in pools.items():
            ready = _ready(row)
            if ready < row["wanted"] and row["trouble"]:
                lack = self._lacks.setdefault(name, _Lack(now))
                if now - lack.since >= PATIENCE_SECONDS and _worded(lack, name, row, ready, now):
                    told.append(lack.alert)
        for name in list(self._lacks):
            if name not in pools or _ready(pools[name]) >= pools[name]["wanted"]:
                alert = self._lacks.pop(name).alert
                if alert is not None:
                    alert.closed = now
                    told.append(alert)
        return [alert for alert in told if alert is not None]

    def __repr__(self) -> str:
        return f"<Short of replicas: {', '.join(self._lacks) or 'none'}>"


def _ready(row: Mapping[str, Any]) -> int:
    return sum(one["state"] == "ready" for one in row["standing"]["replicas"])


def _worded(lack: _Lack, name: str, row: Mapping[str, Any], ready: int, now: float) -> bool:
    """Have its alert say how it is. Whether that is news: which replica failed last, and how, is none."""
    severity: Severity = "medium" if ready else "high"
    if lack.alert is not None and lack.alert.severity == severity:
        return False
    text = f"pool {name} has {ready} of {row['wanted']} replicas: {row['trouble']}"
    facts = {"upstream": name, "ready": ready, "wanted": row["wanted"]}
    opened = now if lack.alert is None else lack.alert.opened
    lack.alert = Alert(id=f"pool-{name}", name="pool_short", severity=severity, text=text, opened=opened, facts=facts)
    return True
