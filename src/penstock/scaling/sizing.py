"""How large things should be, by what was measured of them: the gateway, upstreams' slots and context, pools. Pure.

Enters: what was measured over a day, and what is configured. Leaves: an Advice each, with the numbers it rests on and
what it takes to follow it. What has not been measured for long enough is not advised on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from msgspec import Struct, structs

from penstock.scaling.advice import MIB, Advice, By, bounded, does
from penstock.scaling.fit import LEAST_CALLS, LEAST_HOURS, MEMORY_STEP, Fit, fits, stepped

BUSY, IDLE = 0.7, 0.25
"""Of a core that a worker uses at the peak: more asks for another, less for one fewer."""
AIM = 0.6
MEMORY_FREE = 0.25
"""So much more than the peak is given."""
MEMORY_TIGHT, MEMORY_WIDE = 0.8, 0.3
SLOTS_FREE = 0.3
CONTEXT_SHARE = 0.999
"""Of the prompts that must fit."""
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
    """One pool, as replicas. ``expected``: the most that the next hour needs by the forecast, None without one.
    ``fit``: how large its replicas are, where that may be changed."""

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
    fit: Fit | None = None


class Measured(Struct, frozen=True):
    """``hours``: of how long ago it tells. ``cpu``: share of one core of the busiest worker at the peak; ``resident``:
    bytes of all workers at the peak, ``limit``: bytes that they may have, 0 where nobody says. ``prompts``: calls by
    the upper bound of their prompts' tokens, endless for the last. ``lambda_mib``: memory of the function that it runs
    in, 0 elsewhere, and ``lambda_pool`` the pool that can change it."""

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
    lambda_pool: str = ""


def advice(measured: Measured) -> list[Advice]:
    """All there is, the gateway first. That less would do is said only of a day's work."""
    longest, _ = _longest(measured.prompts)
    sizes = (one for name, pool in measured.pools.items() if pool.fit for one in fits(name, pool.fit, longest))
    made = [*_workers(measured), *_memory(measured), *_function(measured), *_slots(measured), *_context(measured),
            *sizes, *_pools(measured)]  # fmt: skip
    return [_patient(one, measured.hours) for one in made]


def _patient(one: Advice, hours: float) -> Advice:
    if one.does != "less" or (one.by == "pool" and not one.dimension) or hours >= LEAST_HOURS:
        return one
    reason = f"{one.reason}; less might do, but {hours:.1f} hours are too few to say so ({LEAST_HOURS:g})"
    return structs.replace(one, wanted=one.now, does="keep", reason=reason, setting="")


def _workers(measured: Measured) -> Iterator[Advice]:
    cpu, workers = measured.cpu, measured.workers
    if cpu is None or measured.lambda_mib:
        return
    wanted = workers
    if cpu > BUSY or (cpu < IDLE and workers > 1):
        wanted = max(1, math.ceil(workers * cpu / AIM))
    bound = max(workers, measured.cores)  # more workers than cores gain nothing
    reason = f"the busiest worker used {cpu:.0%} of a core at the peak"
    by: By = "restart"
    if wanted > bound:
        reason += f"; {wanted} workers would be wanted, and there are {measured.cores} cores: another gateway beside it"
        wanted, by = bound, "person"
    yield Advice(
        "gateway workers", workers, wanted, "workers", does(workers, wanted), reason, by,
        {"cpu_peak": cpu, "cores": measured.cores}, f"listen: {{workers: {wanted}}}",
    )  # fmt: skip


def _memory(measured: Measured) -> Iterator[Advice]:
    resident, limit = measured.resident, measured.limit
    if resident is None or not limit or measured.lambda_mib:
        return
    share = resident / limit
    wanted = limit
    if share > MEMORY_TIGHT or share < MEMORY_WIDE:
        wanted = max(2 * MEMORY_STEP, stepped(resident * (1 + MEMORY_FREE), MEMORY_STEP))
    reason = f"{resident / MIB:.0f} MiB of {limit / MIB:.0f} MiB were resident at the peak ({share:.0%})"
    yield Advice(
        "gateway memory", limit, wanted, "bytes", does(limit, wanted), reason, "person",
        {"resident_peak": resident, "limit": limit},
    )  # fmt: skip


def _function(measured: Measured) -> Iterator[Advice]:
    """A Lambda function's size: what it holds and, by its share of a core, what it computes."""
    now, resident, cpu = measured.lambda_mib, measured.resident, measured.cpu
    if not now or resident is None:
        return
    held = resident / MIB * (1 + MEMORY_FREE)
    computed = 0.0 if cpu is None else cpu / AIM * LAMBDA_MIB_PER_CORE
    wanted = int(stepped(max(held, computed), LAMBDA_STEP))
    wanted = min(LAMBDA_MOST, max(LAMBDA_LEAST, wanted))
    if now / 2 < wanted < now:
        wanted = now  # what is not at most half as large is not worth a new function
    reason = f"{resident / MIB:.0f} MiB were resident at the peak"
    if cpu is not None:
        reason += f", and {cpu:.0%} of a core used; a core comes with {LAMBDA_MIB_PER_CORE} MiB"
    pool = measured.pools.get(measured.lambda_pool)
    bounds = None if pool is None or pool.fit is None else pool.fit.bounds.get("memory")
    about = {} if bounds is None else {"pool": measured.lambda_pool, "dimension": "memory"}
    if bounds is not None and wanted != now:
        nearest, beyond = bounded(wanted, (bounds[0] / MIB, bounds[1] / MIB))
        wanted, reason = int(nearest), reason + beyond
    yield Advice(
        "lambda memory", now, wanted, "MiB", does(now, wanted), reason, "person" if bounds is None else "apply",
        {"resident_peak": resident, **({} if cpu is None else {"cpu_peak": cpu})},
        f"penstock deploy aws --memory {wanted}", **about,
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
            f"upstream {name} slots", one.configured, wanted, "calls at once", does(one.configured, wanted), reason,
            "reload", {"in_flight_peak": one.peak, "calls": one.calls},
            f"upstreams: {{{name}: {{{key}: {wanted}}}}}",
        )  # fmt: skip


def _context(measured: Measured) -> Iterator[Advice]:
    longest, share = _longest(measured.prompts)
    for name, one in measured.upstreams.items():
        pool = measured.pools.get(name)
        if pool is not None and pool.fit is not None and "context" in pool.fit.bounds:
            continue  # its replicas' size is told
        if not one.context or one.calls < LEAST_CALLS or not math.isfinite(longest):
            continue
        needed = int(stepped(longest + 4 * one.answer, 256))
        wanted = needed if needed > one.context or needed < one.context / 2 else one.context
        reason = f"{share:.1%} of the prompts have at most {longest:.0f} tokens, answers {one.answer:.0f}"
        yield Advice(
            f"upstream {name} context", one.context, wanted, "tokens", does(one.context, wanted),
            f"{reason} on the mean", "reload", {"prompt_bound": longest, "share_within": share},
            f"upstreams: {{{name}: {{context: {wanted}}}}}",
        )  # fmt: skip


def _longest(prompts: Mapping[float, int]) -> tuple[float, float]:
    """Tokens that nearly all prompts have at most, and which share that is; endless while that is not known."""
    total = sum(prompts.values())
    if total < LEAST_CALLS:
        return math.inf, 0.0
    within = 0
    for bound, calls in sorted(prompts.items()):
        within += calls
        if within >= CONTEXT_SHARE * total:
            return bound, within / total
    return math.inf, 0.0


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
            f"pool {name} replicas", one.now, wanted, "replicas", does(one.now, wanted), reason,
            "pool" if one.follows and expected <= one.most else "reload" if setting else "person",
            {"load": one.load, "carries": one.carries, "peak": one.peak, **price}, setting,
        )  # fmt: skip
