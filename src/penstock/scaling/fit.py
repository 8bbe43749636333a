"""How large the replicas of a pool should be: engine slots, context, CPU and memory, by what was measured. Pure.

Enters: what a replica has and may have, what was seen of it. Leaves: an Advice for each dimension of which something is
known. Nothing is said of what has no bounds in the config, or cannot be changed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from msgspec import Struct

from penstock.scaling.advice import MIB, Advice, By, bounded, does
from penstock.scaling.size import Size

LEAST_CALLS = 100
SLOTS_FREE = 0.3
"""So much more than the peak is given."""
CPU_BUSY, CPU_IDLE, CPU_AIM = 0.7, 0.25, 0.6
MEMORY_TIGHT, MEMORY_WIDE, MEMORY_FREE = 0.8, 0.3, 0.25
MEMORY_STEP = 64.0 * MIB
CONTEXT_STEP = 256.0
LEAST_HOURS = 12.0
UNITS = {"cpu": "cores", "memory": "bytes", "slots": "calls at once", "context": "tokens"}


class Fit(Struct, frozen=True):
    """The replicas of one pool. ``size``: what each has; ``bounds``: of what may be changed; ``use``: the most that one
    of them used, in so many ``hours``. ``peak``: calls at once at one of them in the busiest minutes, of ``calls`` in
    all; ``answer``: mean tokens of an answer. ``auto``: it resizes by itself. ``own``: where the config says the size,
    as its line with a ``%s``."""

    size: Size
    bounds: Mapping[str, tuple[float, float]] = {}
    use: Size = Size()
    hours: float = 0.0
    peak: float = 0.0
    calls: int = 0
    answer: float = 0.0
    auto: bool = False
    own: str = ""


def fits(name: str, fit: Fit, longest: float) -> Iterator[Advice]:
    """All there is of one pool. ``longest``: tokens that nearly all prompts have at most, endless where unknown."""
    now = fit.size.said()
    for dimension, (wanted, reason, evidence) in _wanted(fit, longest).items():
        if dimension not in fit.bounds or dimension not in now:
            continue
        nearest, beyond = bounded(wanted, fit.bounds[dimension])
        if wanted == now[dimension]:
            nearest, beyond = wanted, ""  # what is right is left alone, whatever the bounds are
        by: By = "pool" if fit.auto else "apply"
        setting = fit.own.replace("%s", f"{dimension}: {int(nearest)}")
        yield Advice(
            f"pool {name} {dimension}", now[dimension], nearest, UNITS[dimension], does(now[dimension], nearest),
            reason + beyond, by, evidence, setting, name, dimension,
        )  # fmt: skip


def _wanted(fit: Fit, longest: float) -> dict[str, tuple[float, str, dict[str, float]]]:
    found: dict[str, tuple[float, str, dict[str, float]]] = {}
    slots, context, cpu, memory = fit.size.slots, fit.size.context, fit.size.cpu, fit.size.memory
    if slots and fit.calls >= LEAST_CALLS and fit.peak > 0:
        needed = math.ceil(fit.peak * (1 + SLOTS_FREE))
        right = slots if slots / 4 <= needed <= slots else needed
        says = f"{fit.peak:.1f} calls were at each replica at once in the busiest minutes"
        found["slots"] = right, says, {"in_flight_peak": fit.peak, "calls": fit.calls}
    if context and fit.calls >= LEAST_CALLS and math.isfinite(longest):
        needed = int(stepped(longest + 4 * fit.answer, CONTEXT_STEP))
        right = context if context / 2 <= needed <= context else needed
        says = f"nearly all prompts have at most {longest:.0f} tokens, answers {fit.answer:.0f} on the mean"
        found["context"] = right, says, {"prompt_bound": longest, "answer_mean": fit.answer}
    if cpu and (used := fit.use.cpu):
        found["cpu"] = (
            cpu if not _off(used / cpu, CPU_BUSY, CPU_IDLE, fit.hours) else max(0.1, stepped(used / CPU_AIM, 0.1)),
            f"one used {used:.2f} of {cpu:g} cores at the peak", {"cpu_peak": used},
        )  # fmt: skip
    if memory and (held := fit.use.memory):
        enough = stepped(held * (1 + MEMORY_FREE), MEMORY_STEP)
        found["memory"] = (
            enough if _off(held / memory, MEMORY_TIGHT, MEMORY_WIDE, fit.hours) else memory,
            f"one held {held / MIB:.0f} of {memory / MIB:.0f} MiB at the peak", {"resident_peak": float(held)},
        )  # fmt: skip
    return found


def _off(share: float, most: float, least: float, hours: float) -> bool:
    """Whether a use is so far from what it should be that something is to be done. That it is small is believed of a
    day's work only."""
    return share > most or (share < least and hours >= LEAST_HOURS)


def stepped(value: float, step: float) -> float:
    """The next whole number of steps."""
    return round(math.ceil(value / step - 1e-9) * step, 9)
