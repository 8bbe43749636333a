"""What people and other systems ask of pools, and what they say. Pure.

Enters: questions, as the admin API has them. Leaves: plain rows, or a person's word that was checked. May fail:
``problems`` with a status.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.core.units import parse_duration
from penstock.scaling.control.ruling import Held

if TYPE_CHECKING:
    from penstock.scaling.control.service import Pool

DOES = ("want", "pause", "resume")
SHARE = 0.9
"""The quantile of the forecast that is published."""
LONGEST_HOLD = 30 * 86_400.0


def unknown(name: str) -> dict[str, Any]:
    """There is no such pool."""
    return _problem(f'there is no pool "{name[:100]}"', 404, "pool_not_found", "pool")


def _problem(text: str, status: int = 400, code: str = "bad_request", param: str | None = None) -> dict[str, Any]:
    return {"status": status, "code": code, "param": param, "problems": [text]}


def said(
    question: Mapping[str, Any], pools: Mapping[str, Pool], now: float
) -> tuple[str, Held | None] | dict[str, Any]:
    """For which pool somebody says what: ``{"pool": "gpu", "count": 3, "for": "1h"}``; or what is wrong with it."""
    does = str(question["do"])
    if does not in DOES:
        return _problem(f"{does[:40]!r} is not known; there are {', '.join(DOES)}", 404, "not_found")
    try:
        body = msgspec.json.decode(str(question.get("body") or "{}"), type=dict[str, Any])
    except msgspec.DecodeError:
        return _problem('the body is JSON, such as {"pool": "gpu", "count": 3}')
    name = str(body.get("pool", ""))
    if not name and len(pools) == 1:
        name = next(iter(pools))
    if name not in pools:
        return unknown(name)
    if does == "resume":
        return name, None
    until = 0.0
    if "for" in body:
        try:
            lasts = parse_duration(str(body["for"]))
        except ValueError as error:
            return _problem(f"for: {error}", param="for")
        if not 0 < lasts <= LONGEST_HOLD:
            return _problem("for is at most 30d", param="for")
        until = now + lasts
    count = body.get("count")
    if does == "want":
        pool = pools[name].ruling.pool
        if not isinstance(count, int) or isinstance(count, bool) or not pool.min <= count <= pool.max:
            return _problem(f"count is a number of replicas from {pool.min} to {pool.max}", param="count")
    return name, Held(count if does == "want" else None, str(question.get("by") or "the control socket"), now, until)


def row(pool: Pool) -> dict[str, Any]:
    """All of one pool."""
    ruling, told = pool.ruling, pool.told
    seen = None
    if pool.seen is not None:
        seen = {name: value for name, value in msgspec.structs.asdict(pool.seen).items() if name != "upper"}
    return {
        "desired_replicas": wanted(pool),
        **told,
        "min": ruling.pool.min,
        "max": ruling.pool.max,
        "dry_run": ruling.pool.dry_run,
        "policy": ruling.policy.name,
        "held": msgspec.to_builtins(ruling.held),
        "decision": msgspec.to_builtins(ruling.decided),
        "seen": seen,
        "forecast": ahead(pool),
        "cold_starts": pool.starts.measured,
        "changes": msgspec.to_builtins(list(ruling.changes)),
    }


def wanted(pool: Pool) -> int:
    """How many there should be; the least that is configured before anything was decided."""
    if pool.ruling.decided is not None:
        return pool.ruling.decided.wanted
    return int(pool.told.get("wanted", pool.ruling.pool.min))


def ahead(pool: Pool) -> dict[str, float] | None:
    """What is expected when a replica that is asked for now would be ready; None while nothing can be said."""
    seen = pool.seen
    if seen is None or seen.upper is None:
        return None
    load = seen.upper(seen.starts, SHARE)
    return None if load is None else {"seconds": seen.starts, "quantile": SHARE, "load": load}


def is_active(pool: Pool) -> bool:
    """Whether it needs a replica at all."""
    seen = pool.seen
    return wanted(pool) > 0 or (seen is not None and (seen.waiting > 0 or seen.in_flight > 0))


def gauges(pool: Pool) -> dict[str, Any]:
    """What is published of one pool."""
    seen = pool.seen
    told: dict[str, Any] = {"desired": wanted(pool), "held": int(pool.ruling.held is not None), "forecast": ahead(pool)}
    if seen is None:
        return told
    carried = seen.ready * seen.carries
    failed = sum(one["state"] == "failed" for one in pool.told.get("standing", {}).get("replicas", ()))
    return told | {
        "ready": seen.ready, "starting": seen.starting, "draining": seen.draining, "failed": failed, "load": seen.load,
        "in_flight": seen.in_flight, "waiting": seen.waiting, "carries": seen.carries, "starts": seen.starts,
        "saturation": seen.load / carried if carried > 0 else None,
    }  # fmt: skip
