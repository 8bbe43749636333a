"""The composition root's part for capacity: at worker 0, how large things should be by what the last day told.

Enters: the history, the configuration, pools and their forecast. Leaves: advice, on ``GET /admin/v1/capacity``. It is
worked out when it is asked for; ``assemble_vertical.py`` follows it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.assemble_vertical import Vertical
from penstock.core.windows import PROMPT_BANDS
from penstock.edge.config import ListenConfig
from penstock.routing.config import RoutingConfig
from penstock.routing.live import family, members

if TYPE_CHECKING:
    from penstock.assemble_scaling import Scaling
    from penstock.assemble_watching import Watching
    from penstock.routing.upstream_config import UpstreamConfig
    from penstock.scaling.advice import Advice
    from penstock.scaling.control.service import Pool
    from penstock.scaling.fit import Fit
    from penstock.scaling.seen import Decision
    from penstock.scaling.sizing import Measured, Sized, Slots

SINCE = "-24h"
DAY = 86_400.0
STEP = "5m"
AHEAD = (600.0, 1800.0, 3600.0)
SHARE = 0.9
LAMBDA, LAMBDA_NAME = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME"


class Sizing:
    """See the module."""

    def __init__(self, watching: Watching, scaling: Scaling) -> None:
        self._watching = watching
        self._gateway = watching.gateway
        self._scaling = scaling
        self._vertical = Vertical(watching, scaling, self.advised)
        watching.answers["capacity"] = self.answer

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """All advice, and of how many hours it tells; or what became of following it."""
        from penstock.scaling.sizing import advice

        if "do" in question:
            return await self._vertical.apply(question)
        measured = await self.measured()
        return {"hours": round(measured.hours, 2), "advice": msgspec.to_builtins(advice(measured))}

    async def advised(self) -> list[Advice]:
        """All advice."""
        from penstock.scaling.sizing import advice

        return advice(await self.measured())

    async def measured(self) -> Measured:
        """What was seen in the last day."""
        from penstock.scaling.sizing import Measured

        gateway = self._gateway
        machine = await self._history(measures="cpu_peak,resident_peak", step=STEP)
        calls = await self._history(
            by="upstream", measures="calls,calls_per_second,total_mean,answer_tokens", step=STEP
        )
        prompts = await self._history(dimension="prompt", measures="calls")
        (whole,) = machine["series"] or [{"points": {}}]
        upstreams = self._upstreams(calls["series"])
        known = [at for at in whole["points"].get("cpu_peak", ()) if at is not None]
        return Measured(
            hours=len(known) * 300 / 3600, workers=gateway.config.of(ListenConfig).workers,
            cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            cpu=max(known, default=None), resident=_most(whole["points"].get("resident_peak", ())),
            limit=float(gateway.keeping.governor.limit.bytes * gateway.config.of(ListenConfig).workers),
            prompts={_bound(one["name"]): one["calls"] for one in prompts["series"]},
            upstreams=upstreams,
            pools={
                name: self._pool(name, pool, upstreams.get(name))
                for name, pool in self._scaling.controller.pools.items()
            },
            lambda_mib=int(os.environ.get(LAMBDA, "0") or 0), lambda_pool=self._lambda_pool(),
        )  # fmt: skip

    async def _history(self, **question: str) -> dict[str, Any]:
        answer = await self._watching.answer("history", {"since": SINCE, **question})
        return {"series": []} if "problems" in answer else answer

    def _upstreams(self, series: list[dict[str, Any]]) -> dict[str, Slots]:
        from penstock.scaling.sizing import Slots

        routing = self._gateway.config.of(RoutingConfig)
        serving = members(routing)
        told: dict[str, list[dict[str, Any]]] = {}
        for one in series:
            told.setdefault(family(one["name"]), []).append(one)
        made: dict[str, Slots] = {}
        for name, rows in told.items():
            config = routing.upstreams.get(name)
            if config is None or config.kind == "echo":
                continue
            limited = config.max_in_flight is not None and config.max_in_flight > 0
            instances = max(1, len(serving.get(name, ())))
            calls = sum(row["calls"] for row in rows)
            answers = [mean for row in rows for mean in row["points"]["answer_tokens"] if mean is not None]
            made[name] = Slots(
                _slots(config), instances, _peak(rows) / instances, calls, limited, config.context or 0,
                sum(answers) / len(answers) if answers else 0.0,
            )  # fmt: skip
        return made

    def _lambda_pool(self) -> str:
        """The pool whose replicas are the function that this runs in."""
        mine = os.environ.get(LAMBDA_NAME, "")
        functions = {
            name: pool.ruling.pool.aws.function.name
            for name, pool in self._scaling.controller.pools.items()
            if pool.ruling.pool.aws is not None and pool.ruling.pool.aws.function is not None
        }
        return next((name for name, function in functions.items() if function == mine), "")

    def _pool(self, name: str, pool: Pool, calls: Slots | None) -> Sized:
        from penstock.scaling.control.asked import wanted
        from penstock.scaling.sizing import Sized

        seen, one = pool.seen, pool.ruling.pool
        changes = [change.wanted for change in pool.ruling.changes]
        expected = None
        if seen is not None and seen.upper is not None and seen.carries > 0:
            loads = [load for ahead in AHEAD if (load := seen.upper(ahead, SHARE)) is not None]
            expected = max((math.ceil(load / seen.carries) for load in loads), default=None)
        return Sized(
            now=wanted(pool), peak=max([wanted(pool), *changes]), least=one.min, most=one.max, expected=expected,
            carries=0.0 if seen is None else seen.carries, load=0.0 if seen is None else seen.load,
            price=float(pool.told.get("standing", {}).get("price", 0.0)), actuator=one.actuator[0],
            follows=bool(pool.told.get("standing", {}).get("moves", False)) and not one.dry_run,
            fit=_fit(name, pool, calls, max([wanted(pool), *_lately(pool.ruling.changes, self._gateway.clock.wall())])),
        )  # fmt: skip


def _lately(changes: Sequence[Decision], now: float) -> list[int]:
    """How many were wanted in the last day, by the newest changes."""
    ends = [*(one.at for one in changes), now][1:]
    return [one.wanted for one, end in zip(changes, ends, strict=True) if end >= now - DAY]


def _fit(name: str, pool: Pool, calls: Slots | None, most: int) -> Fit | None:
    """How large its replicas are, where that may be changed. ``most``: as many as stood in the last day at once: in its
    busiest minutes it was that many."""
    from penstock.scaling.fit import Fit
    from penstock.scaling.replica import Standing

    config, told = pool.ruling.pool, pool.told.get("standing")
    if told is None or not config.vertical.on:
        return None
    standing = msgspec.convert(told, Standing)
    own = ""
    if config.local is not None:
        own = "scaling: {pools: {NAME: {local: {%s}}}}" if config.local.command else "upstreams: {NAME: {%s}}"
    bounds = {name: one for name, one in config.vertical.bounds().items() if name in standing.can}
    fit = Fit(
        standing.size, bounds, pool.used.peak, pool.used.hours, auto=config.vertical.mode == "auto",
        own=own.replace("NAME", name),
    )  # fmt: skip
    if calls is None:
        return fit
    peak = calls.peak * calls.instances / max(1, most)
    return msgspec.structs.replace(fit, peak=peak, calls=calls.calls, answer=calls.answer)


def _slots(config: UpstreamConfig) -> int:
    most = config.max_in_flight
    return int(most) if most is not None and most > 0 else config.capacity


def _peak(rows: list[dict[str, Any]]) -> float:
    """Calls at once in the busiest step, by Little's law: how many came a second times how long each was there."""
    steps: dict[int, float] = {}
    for row in rows:
        points = row["points"]
        for at, (rate, seconds) in enumerate(zip(points["calls_per_second"], points["total_mean"], strict=True)):
            steps[at] = steps.get(at, 0.0) + (rate or 0.0) * (seconds or 0.0)
    return max(steps.values(), default=0.0)


def _most(values: Any) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _bound(name: str) -> float:
    """The upper bound of a band of prompt tokens."""
    return float(name) if name in map(str, PROMPT_BANDS) else math.inf
