"""How good answers are, by model: what callers thought of them, and how often what the cache gave was right. Pure.

Enters: windows. Leaves: numbers by model over the last hours, each only where somebody said something: quality is told,
never guessed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.core.windows import Window

HOURS = 24
MOST_MODELS = 200


class Quality:
    """Feedback of the last day by hours, bounded."""

    def __init__(self) -> None:
        self._hours: deque[tuple[int, dict[str, list[float]]]] = deque(maxlen=HOURS)

    def take(self, window: Window) -> None:
        """Count what callers said in a window."""
        if not window.feedback:
            return
        hour = int(window.start // 3600)
        if not self._hours or self._hours[-1][0] != hour:
            self._hours.append((hour, {}))
        known = self._hours[-1][1]
        for model, (number, score) in window.feedback.items():
            if model in known or len(known) < MOST_MODELS:
                sums = known.setdefault(model, [0.0, 0.0])
                sums[0] += number
                sums[1] += score

    def told(self, now: float, checks: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """By model: how many told, the mean score (0 to 1), and that of the last hour beside it. ``checks``: how
        answers of the semantic cache stood the check against the upstream, by model."""
        newest = int(now // 3600)
        models: dict[str, dict[str, Any]] = {}
        for hour, known in self._hours:
            if hour <= newest - HOURS:
                continue
            for model, (number, score) in known.items():
                told = models.setdefault(model, {"told": 0, "score": 0.0, "last_hour": None})
                told["told"] += int(number)
                told["score"] += score
                if hour == newest and number:
                    told["last_hour"] = round(score / number, 4)
        for told in models.values():
            told["score"] = round(told["score"] / told["told"], 4) if told["told"] else None
        for check in checks:
            told = models.setdefault(str(check["model"]), {"told": 0, "score": None, "last_hour": None})
            told["checked"] = check["checked"]
            told["wrong"] = check["wrong_seen"]
            told["wrong_share"] = check["estimate"]
        return {"hours": HOURS, "models": models}
