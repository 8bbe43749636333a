"""What a merged call used, divided among those that it was made of. Pure.

Enters: counts as an answer told them (numbers, in objects inside objects), and each one's weight by what it asked, and
by what it was answered (for counts of output). Leaves: for each the
same object with its part of every number. Whole numbers are divided by largest remainder: their parts differ from the
exact share by less than one, and their sum is what was told. May fail: not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_OUTPUT = frozenset({"completion_tokens", "output_tokens", "completion_tokens_details", "output_tokens_details"})
_TOTAL, _TERMS = "total_tokens", ("prompt_tokens", "completion_tokens")


def parts_of(amount: int, weights: Sequence[int]) -> list[int]:
    """``amount`` in parts that are to one another as the ``weights`` (whole numbers above 0). Of equal remainders the
    first get more. What is below 0 is divided as what is above."""
    total = sum(weights)
    sign = -1 if amount < 0 else 1
    divided = [divmod(abs(amount) * weight, total) for weight in weights]
    parts = [whole for whole, _ in divided]
    over = abs(amount) - sum(parts)
    for at in sorted(range(len(weights)), key=lambda at: -divided[at][1])[:over]:
        parts[at] += 1
    return [sign * part for part in parts]


def divided(told: Any, weights: Sequence[int], answered: Sequence[int] | None = None) -> list[Any]:
    """What each gets of ``told``. What is no number is everybody's. ``answered``: the weights of counts of output."""
    if type(told) is int:
        return list(parts_of(told, weights))
    if type(told) is float:
        total = sum(weights)
        return [told * weight / total for weight in weights]
    if not isinstance(told, dict):
        return [told] * len(weights)
    found: list[dict[str, Any]] = [{} for _ in weights]
    for name, value in told.items():
        by = answered if answered is not None and name in _OUTPUT else weights
        for part, own in zip(found, divided(value, by, answered), strict=True):
            part[name] = own
    _keep_total(told, found)
    return found


def _keep_total(told: dict[str, Any], parts: list[dict[str, Any]]) -> None:
    """A total that is the sum of its terms is so in each part."""
    terms = [told[name] for name in _TERMS if type(told.get(name)) is int]
    if terms and told.get(_TOTAL) == sum(terms):
        for part in parts:
            part[_TOTAL] = sum(part[name] for name in _TERMS if type(part.get(name)) is int)
