"""What people and other systems ask of pools, and what they say. Pure.

Enters: questions, as the admin API has them. Leaves: plain rows, or a person's word that was checked. May fail:
``problems`` with a status.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.core.units import parse_duration
from penstock.scaling.bounds import Bounds
from penstock.scaling.control.ruling import Held

if TYPE_CHECKING:
    from penstock.scaling.control.service import Pool

DOES = ("want", "pause", "resume")
STATES = ("ready", "starting", "draining", "failed")
SHARE = 0.9
"""The quantile of the forecast that is published."""
NAMED = 20
"""Pools that are told to who names none of them."""
LONGEST_HOLD = 30 * 86_400.0


def unknown(name: str, pools: Collection[str]) -> dict[str, Any]:
    """There is no such pool, but those are."""
    there = ", ".join(list(pools)[:NAMED]) or "none: scaling.pools in the config makes one"
    return _problem(f'there is no pool "{name[:100]}"; there is {there}', 404, "pool_not_found", "pool")


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
    except (msgspec.DecodeError, RecursionError):
        return _problem('the body is JSON, such as {"pool": "gpu", "count": 3}')
    name = str(body.get("pool", ""))
    if not name and len(pools) == 1:
        name = next(iter(pools))
    if name not in pools:
        return unknown(name, pools)
    if does == "resume":
        return name, None
    until = 0.0
    if "for" in body:
        try:
            lasts = parse_duration(str(body["for"]))
        except ValueError as error:
            return _problem(f"for: {error}", param="for")
        if not 0 < lasts <= LONGEST_HOLD:
            return _problem("for is longer than nothing, and 30d at most", param="for")
        until = now + lasts
    count = body.get("count")
    if does == "want":
        pool = pools[name].ruling.pool
        if not isinstance(count, int) or isinstance(count, bool) or not pool.min <= count <= pool.max:
            bounds = f"from {pool.min} to {pool.max}, its min and max in the config"
            return _problem(f"count is a number of replicas {bounds}", param="count")
    return name, Held(count if does == "want" else None, str(question.get("by") or "the control socket"), now, until)


def row(pool: Pool, now: float) -> dict[str, Any]:
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
        "actuator": ruling.pool.actuator[0],
        "schedule": _scheduled(pool, now),
        "dry_run": ruling.pool.dry_run,
        "policy": ruling.policy.name,
        "held": msgspec.to_builtins(ruling.held),
        "decision": msgspec.to_builtins(ruling.decided),
        "seen": seen,
        "forecast": ahead(pool),
        "cold_starts": pool.starts.measured,
        "changes": msgspec.to_builtins(list(ruling.changes)),
    }


def _scheduled(pool: Pool, now: float) -> dict[str, Any] | None:
    """The bounds that schedules and the ceiling make of its own now, and the next that a schedule brings; None without
    a schedule."""
    config = pool.ruling.pool
    if not config.policy.schedules:
        return None
    bounds = Bounds(config.policy, config.min, config.max, pool.told.get("standing", {}).get("price", 0.0))
    least, most = bounds.at(now, 0.0)
    coming = bounds.coming(now)
    later = None if coming is None else dict(zip(("at", "min", "max"), coming, strict=True))
    return {"min": least, "max": most, "next": later}


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


def brief(pool: Pool) -> dict[str, Any]:
    """What is told each second: whatever else there is to know of it is asked for when this has changed."""
    states = [one["state"] for one in pool.told.get("standing", {}).get("replicas", ())]
    seen, changes = pool.seen, pool.ruling.changes
    return {
        "wanted": wanted(pool), **{state: states.count(state) for state in STATES},
        "waiting": 0.0 if seen is None else seen.waiting, "in_flight": 0.0 if seen is None else seen.in_flight,
        "changed": changes[-1].at if changes else None, "held": pool.ruling.held is not None,
        "trouble": pool.told.get("trouble", ""),
    }  # fmt: skip


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
