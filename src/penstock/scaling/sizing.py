"""How large things should be, by what was measured of them: the gateway, upstreams' slots and context, pools. Pure.

Enters: what was measured over a day, and what is configured. Leaves: an Advice each, with the numbers it rests on and
what it takes to follow it. It advises; pools are sized by themselves, and nothing else is changed. What has not been
measured for long enough is not advised on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

MIB = 2**20
BUSY, IDLE = 0.7, 0.25
"""Of a core that a worker uses at the peak: more asks for another, less for one fewer."""
AIM = 0.6
MEMORY_FREE = 0.25
"""So much more than the peak is given."""
MEMORY_TIGHT, MEMORY_WIDE = 0.8, 0.3
MEMORY_STEP = 64.0 * MIB
SLOTS_FREE = 0.3
CONTEXT_SHARE = 0.999
"""Of the prompts that must fit."""
LEAST_CALLS = 100
LAMBDA_MIB_PER_CORE = 1769
"""Lambda gives one whole core at so much memory, and less or more in proportion."""
LAMBDA_LEAST, LAMBDA_MOST, LAMBDA_STEP = 128, 10_240, 64


class Slots(Struct, frozen=True):
    """One upstream. ``configured``: calls at once that its load is counted against; ``peak``: calls that were at each
    of its ``instances`` on the mean, in the busiest minutes; ``context``: tokens of its engine, 0 where that is not
    ours to say; ``answer``: mean tokens of an answer."""

    configured: int
    instances: int
    peak: float
    calls: int
    limited: bool = False
    context: int = 0
    answer: float = 0.0


class Sized(Struct, frozen=True):
    """One pool, as replicas. ``expected``: the most that the next hour needs by the forecast, None without one."""

    now: int
    peak: int
    least: int
    most: int
    expected: int | None
    carries: float
    load: float
    price: float = 0.0
    actuator: str = ""
    follows: bool = True


class Measured(Struct, frozen=True):
    """``hours``: of how long ago it tells. ``cpu``: share of one core of the busiest worker at the peak; ``resident``:
    bytes of all workers at the peak, ``limit``: bytes that they may have, 0 where nobody says. ``prompts``: calls by
    the upper bound of their prompts' tokens, endless for the last. ``lambda_mib``: memory of the function that it runs
    in, 0 elsewhere."""

    hours: float
    workers: int
    cores: int
    cpu: float | None = None
    resident: float | None = None
    limit: float = 0.0
    prompts: Mapping[float, int] = {}
    upstreams: Mapping[str, Slots] = {}
    pools: Mapping[str, Sized] = {}
    lambda_mib: int = 0


class Advice(Struct, frozen=True):
    """``of``: what is sized; ``by``: what carries it out: ``pool`` (it does so by itself), ``reload``, ``restart``, or
    ``person``. ``setting``: the line of the config, where there is one."""

    of: str
    now: float
    wanted: float
    unit: str
    does: Literal["keep", "more", "less"]
    reason: str
    by: Literal["pool", "reload", "restart", "person"]
    evidence: dict[str, float]
    setting: str = ""


def advice(measured: Measured) -> list[Advice]:
    """All there is, the gateway first."""
    return [*_workers(measured), *_memory(measured), *_function(measured), *_slots(measured), *_context(measured),
            *_pools(measured)]  # fmt: skip


def _does(now: float, wanted: float) -> Literal["keep", "more", "less"]:
    return "keep" if wanted == now else "more" if wanted > now else "less"


def _workers(measured: Measured) -> Iterator[Advice]:
    cpu, workers = measured.cpu, measured.workers
    if cpu is None or measured.lambda_mib:
        return
    wanted = workers
    if cpu > BUSY or (cpu < IDLE and workers > 1):
        wanted = max(1, math.ceil(workers * cpu / AIM))
    bound = max(workers, measured.cores)  # more workers than cores gain nothing
    reason = f"the busiest worker used {cpu:.0%} of a core at the peak"
    by: Literal["restart", "person"] = "restart"
    if wanted > bound:
        reason += f"; {wanted} workers would be wanted, and there are {measured.cores} cores: another gateway beside it"
        wanted, by = bound, "person"
    yield Advice(
        "gateway workers", workers, wanted, "workers", _does(workers, wanted), reason, by,
        {"cpu_peak": cpu, "cores": measured.cores}, f"listen: {{workers: {wanted}}}",
    )  # fmt: skip


def _memory(measured: Measured) -> Iterator[Advice]:
    resident, limit = measured.resident, measured.limit
    if resident is None or not limit or measured.lambda_mib:
        return
    share = resident / limit
    wanted = limit
    if share > MEMORY_TIGHT or share < MEMORY_WIDE:
        wanted = max(2 * MEMORY_STEP, _stepped(resident * (1 + MEMORY_FREE), MEMORY_STEP))
    reason = f"{resident / MIB:.0f} MiB of {limit / MIB:.0f} MiB were resident at the peak ({share:.0%})"
    yield Advice(
        "gateway memory", limit, wanted, "bytes", _does(limit, wanted), reason, "person",
        {"resident_peak": resident, "limit": limit},
    )  # fmt: skip


def _function(measured: Measured) -> Iterator[Advice]:
    """A Lambda function's size: what it holds and, by its share of a core, what it computes."""
    now, resident, cpu = measured.lambda_mib, measured.resident, measured.cpu
    if not now or resident is None:
        return
    held = resident / MIB * (1 + MEMORY_FREE)
    computed = 0.0 if cpu is None else cpu / AIM * LAMBDA_MIB_PER_CORE
    wanted = int(_stepped(max(held, computed), LAMBDA_STEP))
    wanted = min(LAMBDA_MOST, max(LAMBDA_LEAST, wanted))
    if now / 2 < wanted < now:
        wanted = now  # what is not at most half as large is not worth a new function
    reason = f"{resident / MIB:.0f} MiB were resident at the peak"
    if cpu is not None:
        reason += f", and {cpu:.0%} of a core used; a core comes with {LAMBDA_MIB_PER_CORE} MiB"
    yield Advice(
        "lambda memory", now, wanted, "MiB", _does(now, wanted), reason, "person",
        {"resident_peak": resident, **({} if cpu is None else {"cpu_peak": cpu})},
        f"deploy: {{aws: {{memory: {wanted}MiB}}}}",
    )  # fmt: skip


def _slots(measured: Measured) -> Iterator[Advice]:
    for name, one in measured.upstreams.items():
        if one.calls < LEAST_CALLS or one.peak <= 0:
            continue
        needed = math.ceil(one.peak * (1 + SLOTS_FREE))
        wanted = needed if needed > one.configured or needed < one.configured / 4 else one.configured
        key = "max_in_flight" if one.limited else "capacity"
        reason = f"{one.peak:.1f} calls were at each of {one.instances} at once in the busiest minutes"
        if wanted > one.configured and one.limited:
            wanted = one.configured  # its limit was set for a reason: calls wait rather than crowd it
            reason += f"; calls wait for its {one.configured} seats: a replica more rather than more seats"
        yield Advice(
            f"upstream {name} slots", one.configured, wanted, "calls at once", _does(one.configured, wanted), reason,
            "reload", {"in_flight_peak": one.peak, "calls": one.calls},
            f"upstreams: {{{name}: {{{key}: {wanted}}}}}",
        )  # fmt: skip


def _context(measured: Measured) -> Iterator[Advice]:
    total = sum(measured.prompts.values())
    if total < LEAST_CALLS:
        return
    within, longest = 0, math.inf
    for bound, calls in sorted(measured.prompts.items()):
        within += calls
        if within >= CONTEXT_SHARE * total:
            longest = bound
            break
    for name, one in measured.upstreams.items():
        if not one.context or one.calls < LEAST_CALLS or not math.isfinite(longest):
            continue
        needed = int(_stepped(longest + 4 * one.answer, 256))
        wanted = needed if needed > one.context or needed < one.context / 2 else one.context
        reason = f"{within / total:.1%} of the prompts have at most {longest:.0f} tokens, answers {one.answer:.0f}"
        yield Advice(
            f"upstream {name} context", one.context, wanted, "tokens", _does(one.context, wanted),
            f"{reason} on the mean", "reload", {"prompt_bound": longest, "share_within": within / total},
            f"upstreams: {{{name}: {{context: {wanted}}}}}",
        )  # fmt: skip


def _pools(measured: Measured) -> Iterator[Advice]:
    for name, one in measured.pools.items():
        if one.carries <= 0:
            continue
        needed = max(one.least, math.ceil(one.load / one.carries - 1e-9))
        expected = needed if one.expected is None else max(needed, one.expected)
        wanted = min(one.most, expected)
        reason = f"load {one.load:.4g}, a replica carries {one.carries:.4g}; {one.peak} stood at the peak"
        if one.expected is not None:
            reason += f", {one.expected} will do for the next hour"
        setting = ""
        if expected > one.most:
            reason += f"; max: {one.most} is too few"
            setting = f"scaling: {{pools: {{{name}: {{max: {expected}}}}}}}"
        price = {"dollars_an_hour": one.price * wanted} if one.price else {}
        yield Advice(
            f"pool {name} replicas", one.now, wanted, "replicas", _does(one.now, wanted), reason,
            "pool" if one.follows and expected <= one.most else "reload" if setting else "person",
            {"load": one.load, "carries": one.carries, "peak": one.peak, **price}, setting,
        )  # fmt: skip


def _stepped(value: float, step: float) -> float:
    return math.ceil(value / step - 1e-9) * step
