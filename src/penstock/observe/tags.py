"""What callers' own labels (``x-penstock-tags: team=search,revenue=0.05``) make of metrics. Pure.

Enters: ended calls. Leaves: calls and tokens by label, and the dollars that callers said their answers are worth, by
model, served and lost. Labels are a caller's words: only plain ones count, and only so many. What does not fit is
passed over; it is no error, since tags are free text elsewhere.
"""

from __future__ import annotations

import re
from typing import Any

from penstock.core.sheaves import Sheaf
from penstock.core.windows import OTHER

MOST_LABELS = 200
MOST_TEXTS = 2000
"""Texts whose meaning is remembered."""
MOST_DOLLARS = 1_000_000.0
"""Of one call."""
REVENUE = "revenue"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,63}")
_DOLLARS = re.compile(r"[0-9]{1,7}(\.[0-9]{1,9})?")
Label = tuple[str, str]


class Tags:
    """See the module. ``labels``: calls and tokens; ``revenue``: dollars by model and whether the call was served."""

    def __init__(self) -> None:
        self.labels: dict[Label, list[int]] = {}
        self.revenue: dict[tuple[str, bool], float] = {}
        self._texts: dict[str, tuple[list[Label], float]] = {}

    def take(self, sheaf: Sheaf) -> None:
        """Count calls that ended alike."""
        columns = sheaf.columns
        if not any(columns.tags):
            return
        of: dict[str, list[int]] = {}
        for text, asked, said in zip(columns.tags, columns.tokens_in, columns.tokens_out, strict=True):
            if text:
                counts = of.setdefault(text, [0, 0])
                counts[0] += 1
                counts[1] += asked + said
        for text, (calls, tokens) in of.items():
            labels, dollars = self._read(text)
            for label in labels:
                self._add(label, calls, tokens)
            if dollars:
                name = (sheaf.entry, not sheaf.fault and sheaf.outcome == "ok")
                self.revenue[name] = self.revenue.get(name, 0.0) + dollars * calls

    def _read(self, text: str) -> tuple[list[Label], float]:
        known = self._texts.get(text)
        if known is None:
            if len(self._texts) >= MOST_TEXTS:
                self._texts.clear()
            known = self._texts[text] = (labels_of(text), revenue_of(text))
        return known

    def _add(self, label: Label, calls: int, tokens: int) -> None:
        if label not in self.labels and len(self.labels) >= MOST_LABELS:
            label = (OTHER, OTHER)
        counts = self.labels.setdefault(label, [0, 0])
        counts[0] += calls
        counts[1] += tokens

    def dump(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "labels": [[*label, *counts] for label, counts in self.labels.items()],
            "revenue": [[model, served, dollars] for (model, served), dollars in self.revenue.items()],
        }

    def load(self, dump: dict[str, Any]) -> None:
        """Add another worker's."""
        for name, value, calls, tokens in dump["labels"]:
            self._add((name, value), calls, tokens)
        for model, served, dollars in dump["revenue"]:
            self.revenue[model, served] = self.revenue.get((model, served), 0.0) + dollars

    def __repr__(self) -> str:
        return f"<Tags {len(self.labels)} labels>"


def labels_of(text: str) -> list[Label]:
    """The labels in ``text``: ``name=value``, or a name alone, whose value is ``true``. The same name once."""
    found: dict[str, str] = {}
    for piece in text.split(","):
        name, is_pair, value = piece.strip().partition("=")
        value = value.strip() if is_pair else "true"
        name = name.strip()
        if name != REVENUE and _PLAIN.fullmatch(name) and _PLAIN.fullmatch(value):
            found.setdefault(name, value)
    return list(found.items())


def revenue_of(text: str) -> float:
    """The dollars that the caller says its answer is worth; 0 where it says nothing, or nothing sensible."""
    for piece in text.split(","):
        name, _, value = piece.strip().partition("=")
        if name.strip() == REVENUE and _DOLLARS.fullmatch(value.strip()):
            return min(float(value), MOST_DOLLARS)
    return 0.0
