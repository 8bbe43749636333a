"""A bottleneck that may be: how far its measure is, whether it is told or not. Pure nouns and words."""

from __future__ import annotations

import json
from typing import NamedTuple

from penstock.core.alert import Severity


class Suspect(NamedTuple):
    """``ratio`` is its measure as a multiple of the threshold: 1 and more makes a bottleneck. ``name`` tells those of
    one kind apart: a model or an upstream. The rest is as in ``findings.Bottleneck``."""

    kind: str
    name: str
    ratio: float
    severity: Severity
    description: str
    evidence: dict[str, float]
    impact: float
    share: float
    recommendation: str
    action: str = ""


def by_ratio(ratio: float) -> Severity:
    """How severe it is where nothing says otherwise."""
    return "critical" if ratio >= 8 else "high" if ratio >= 2 else "medium"


def setting(section: str, name: str, key: str, value: str) -> str:
    """A line of config about one upstream or model, whatever signs its name has."""
    return f"{section}: {{{json.dumps(name)}: {{{key}: {value}}}}}"
