"""What insight finds and proposes: the nouns that its parts share and that are told outside as they stand. Pure.

Times are Unix seconds, money micro-dollars, durations seconds. ``id`` tells findings apart: a number that grows, with a
letter before it (``a7`` is an anomaly, ``p3`` a proposal, ``e2`` an experiment).
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from penstock.core.alert import SEVERITIES as SEVERITIES
from penstock.core.alert import Alert as Alert
from penstock.core.alert import Severity

Kind = Literal[
    "high_latency", "slow_first_token", "low_token_rate", "low_hit_rate", "memory_pressure", "error_burst",
    "cost_spike", "traffic_shift", "queueing", "loop_blocked", "descriptors", "disk", "store_slow", "short_answers",
    "memory_leak",
]  # fmt: skip


class Contributor(Struct, frozen=True):
    """A value of a dimension that explains ``share`` (0 to 1) of a change: ``upstream`` = ``gpu-1``."""

    dimension: str
    value: str
    share: float


class Anomaly(Struct, kw_only=True):
    """``measure`` names what was seen (``ttft_p95``, ``error_share``, ...) of the calls of ``model`` at ``upstream``
    ("": all). ``actual`` and ``expected`` are in the measure's unit; ``deviation`` is actual / expected - 1. ``cause``
    says in a sentence what is wrong and whose fault it is, ``blames`` the dimension that is to blame first.
    ``response`` names the proposal that may help ("" for none)."""

    id: str
    kind: Kind
    severity: Severity
    measure: str
    actual: float
    expected: float
    start: float
    model: str = ""
    upstream: str = ""
    deviation: float | None = None
    end: float | None = None
    cause: str = ""
    contributors: list[Contributor] = []
    context: dict[str, Any] = {}
    response: str = ""

    @property
    def blames(self) -> str:
        """``upstream=gpu-1``: the first contributor; "" where nobody is."""
        first = self.contributors[0] if self.contributors else None
        return f"{first.dimension}={first.value}" if first else ""


class Bottleneck(Struct, kw_only=True):
    """What limits most calls now. ``impact`` is seconds that it adds to a call that meets it, ``share`` the share of
    calls that do. ``evidence`` are the numbers it stands on, ``recommendation`` what to do, ``action`` the config line
    or command that does it. ``name`` tells those of a kind apart (a model, an upstream); ``since``: when it began."""

    kind: str
    severity: Severity
    description: str
    evidence: dict[str, float]
    impact: float
    share: float
    recommendation: str
    action: str = ""
    name: str = ""
    since: float = 0.0


class Action(Struct, frozen=True):
    """A step of a recommendation."""

    kind: Literal["investigate", "implement", "optimise"]
    text: str
    config: str = ""


class Recommendation(Struct, kw_only=True):
    """``benefit`` is told from own numbers; ``priority`` and ``effort`` are words."""

    type: str
    priority: Literal["low", "medium", "high"]
    title: str
    description: str
    actions: list[Action]
    benefit: str
    effort: Literal["low", "medium", "high"]


class Proposal(Struct, kw_only=True):
    """A change that may help. ``setting`` is a dotted key of the configuration (or ``action:<name>`` for what is done
    once) and ``value`` what it would be; ``old`` what it is. ``metric`` is what shall get better, ``guard`` what must
    not get worse. ``expected`` is the share by which the metric is expected to change."""

    id: str
    type: str
    priority: Literal["low", "medium", "high"]
    safety: Literal["safe", "medium", "unsafe"]
    description: str
    setting: str
    value: Any
    old: Any = None
    scope: str = ""
    metric: str = ""
    guard: str = ""
    expected: float = 0.0
    because: str = ""


class Experiment(Struct, kw_only=True):
    """A proposal that was tried. ``effect`` is the change of the metric as a share, with its bounds; ``state`` ends as
    ``kept``, ``rolled_back``, ``failed``, ``timed_out`` or ``reverted`` (by a person)."""

    id: str
    proposal: Proposal
    began: float
    state: Literal["running", "kept", "rolled_back", "failed", "timed_out", "reverted"]
    reason: str = ""
    ended: float | None = None
    before: float | None = None
    after: float | None = None
    effect: float | None = None
    bounds: tuple[float, float] | None = None
    by: str = "optimizer"
