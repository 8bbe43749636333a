"""A page of a list, the newest first. Pure.

Enters: ids in the order of their age, and a query. Leaves: the ids of a page, and whether there are more. May fail:
CallerError 400.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qs

from penstock.core.errors import CallerError


class Asked(NamedTuple):
    """``after``: the id behind which it begins, ``before``: the one before which it ends."""

    limit: int
    after: str
    before: str
    order: str
    purpose: str


def asked(query: bytes, usual: int, most: int) -> Asked:
    """What a query asks for. Raises CallerError."""
    try:
        values = {name: found[0] for name, found in parse_qs(query.decode("latin-1"), max_num_fields=16).items()}
    except ValueError:
        raise CallerError("the query has too many fields", code="bad_query") from None
    text = values.get("limit", str(usual))
    if not (text.isascii() and text.isdigit() and len(text) < 7 and 1 <= int(text) <= most):
        raise CallerError(f"limit must be between 1 and {most}", code="bad_query", param="limit")
    order = values.get("order", "desc")
    if order not in ("asc", "desc"):
        raise CallerError("order is asc or desc", code="bad_query", param="order")
    after = values.get("after", values.get("after_id", ""))
    return Asked(int(text), after, values.get("before_id", ""), order, values.get("purpose", ""))


def page(ids: Sequence[str], wanted: Asked) -> tuple[list[str], bool]:
    """``ids`` stand in the order of their age, the eldest first."""
    ordered = list(ids) if wanted.order == "asc" else list(reversed(ids))
    if wanted.after:
        ordered = ordered[ordered.index(wanted.after) + 1 :] if wanted.after in ordered else []
    if wanted.before:
        ordered = ordered[: ordered.index(wanted.before)] if wanted.before in ordered else []
        return ordered[-wanted.limit :], len(ordered) > wanted.limit
    return ordered[: wanted.limit], len(ordered) > wanted.limit
