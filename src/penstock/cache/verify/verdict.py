"""What goes into a decision and what comes out of it: candidates, verdicts, the state of the bound. Plain values.

``Near`` is what the index found; ``Verdict`` is the answer, and at the same time the ticket with which the outcome is
told later (``Verifier.stored``, ``checked``). Nothing here fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Id = bytes | str | int
"""Names a stored entry or a partition. An answer group is named by the entry that founded it."""

Kind = Literal["hit", "shadow", "miss"]
"""``hit``: give the stored answer. ``shadow``: give it, ask the upstream as well, compare, tell ``checked``.
``miss``: ask the upstream, and tell ``stored``."""


class Near(NamedTuple):
    """An entry near to the question. ``age`` and ``ttl`` in seconds; ``uses``: how often it has been given."""

    key: Id
    cosine: float
    age: float = 0.0
    ttl: float = float("inf")
    uses: int = 0


class Scored(NamedTuple):
    """One group that was looked at: the entry that stands for it (``place`` in what the index found), its features,
    and the probability that its answer is right. ``vetoes``: the rules that fire; ``against``: those of them that
    forbid it, the group's history not having lifted them."""

    key: Id
    group: Id
    features: tuple[float, ...]
    probability: float
    vetoes: tuple[str, ...]
    against: tuple[str, ...]
    place: int


@dataclass(slots=True)
class Verdict:
    """``key``: the entry to give (None for a miss without candidates). ``probability``: that its answer is right.
    ``reason``: one word for the header, the log and the counter (``REASONS``). ``vetoes``: by name.

    ``judge``: entries worth comparing with the upstream's answer once it is there, best first, at most three: whoever
    asks the upstream compares them (``equal.compare``, then a judge if there is one) and hands the outcome back.
    ``would_hit``: it would have been given if the bound had not ended semantic hits.
    ``sampling``: the probability with which this hit was chosen to be checked."""

    kind: Kind
    partition: Id
    key: Id | None = None
    probability: float = 0.0
    reason: str = "empty"
    vetoes: tuple[str, ...] = ()
    would_hit: bool = False
    sampling: float = 0.0
    judge: tuple[Id, ...] = ()
    scored: tuple[Scored, ...] = field(default=(), repr=False)


REASONS: dict[str, str] = {
    "verified": "safe enough for the budget of errors",
    "empty": "no entry is near",
    "unusable": "no text, or a cosine that is no number",
    "far": "the nearest entry is too far",
    "veto": "a rule forbids the best candidate",
    "budget": "not safe enough for the budget of errors",
    "stopped": "the bound has ended semantic hits here, or for this model",
}


@dataclass(slots=True)
class Status:
    """How the bound stands, for a partition or for all. ``low``, ``high``: a confidence sequence of wrong answers per
    request; ``estimate`` the estimate between. ``stopped``: why hits have ended, "" while they have not.
    ``evidence``: the e-value against the bound; hits end at 1/α. ``regained``: the one for their return."""

    requests: int
    hits: int
    checked: int
    wrong_seen: int
    estimate: float
    low: float
    high: float
    evidence: float
    regained: float
    stopped: str
    stops: int
