"""Which pools are to be resized, and to what: as somebody asks, or as is advised. Pure.

Enters: a question, as the admin API has it; advice. Leaves: a Wish for each pool, with its reasons. May fail:
``problems`` with a status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from penstock.scaling.advice import Advice
from penstock.scaling.control.asked import unknown
from penstock.scaling.size import Size, size_of

if TYPE_CHECKING:
    from penstock.scaling.control.service import Pool

LOOKS = 'the body is JSON, such as {"pool": "gpu", "size": {"memory": "8GiB"}, "dry_run": true}'


class Asked(Struct, frozen=True):
    """``pool``: "" for all; ``size``: None for what is advised."""

    pool: str = ""
    size: Size | None = None
    dry_run: bool = False
    by: str = ""


class Wish(Struct, frozen=True):
    """What becomes of one pool, if it can."""

    pool: str
    size: Size
    why: str


def asked(question: Mapping[str, Any], pools: Mapping[str, Pool]) -> Asked | dict[str, Any]:
    """What the question wants, or what is wrong with it."""
    if question["do"] != "apply":
        does = str(question["do"])[:40]
        return {"status": 404, "code": "not_found", "problems": [f'"{does}" is not known; there is apply']}
    try:
        body = msgspec.json.decode(str(question.get("body") or "{}"), type=dict[str, Any])
    except msgspec.DecodeError:
        return _wrong(LOOKS)
    if others := [name for name in body if name not in ("pool", "size", "dry_run")]:
        return _wrong(f'"{others[0][:40]}" is not known; {LOOKS}')
    name, words, dry_run = str(body.get("pool") or ""), body.get("size"), body.get("dry_run", False)
    if name and name not in pools:
        return unknown(name, pools)
    if not isinstance(words, dict | None) or not isinstance(dry_run, bool):
        return _wrong(LOOKS)
    if words is not None and not name:
        if len(pools) != 1:
            return _wrong("a size is that of one pool: say which")
        (name,) = pools
    try:
        size = size_of(words) if words else None
    except ValueError as error:
        return _wrong(str(error))
    return Asked(name, size, dry_run, str(question.get("by") or "the control socket"))


def _wrong(text: str) -> dict[str, Any]:
    return {"status": 400, "code": "bad_request", "problems": [text]}


def wanted(asked: Asked, advice: Sequence[Advice], pools: Mapping[str, Pool]) -> list[Wish]:
    """A Wish for each pool that is to change. A pool that is asked for by name and cannot be resized is among them, so
    that it is told why."""
    if asked.size is not None:
        return [Wish(asked.pool, asked.size, f"asked for by {asked.by}")]
    wishes = []
    for name, pool in pools.items():
        if asked.pool not in ("", name):
            continue
        mine = [one for one in advice if one.pool == name and one.does != "keep"]
        size = Size()
        for one in mine:
            size = one.size.over(size)
        silent = not pool.ruling.pool.vertical.on or pool.told.get("standing", {}).get("unsized")
        if mine or (asked.pool and silent):
            wishes.append(Wish(name, size, "; ".join(one.reason for one in mine) or "nothing is advised"))
    return wishes
