"""The composition root's part for the size of replicas: at worker 0, advice is followed, where a pool lets it be.

Enters: a person's word on ``POST /admin/v1/capacity/apply``; windows, for pools of mode ``auto``. Leaves: questions to
the supervisor, whose pools ask their actuators. What made things worse is taken back, in mode ``auto``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.core.sketch import above, count
from penstock.core.windows import Window
from penstock.process.link import LinkError
from penstock.routing.live import family

if TYPE_CHECKING:
    from penstock.assemble_scaling import Scaling
    from penstock.assemble_watching import Watching
    from penstock.scaling.advice import Advice
    from penstock.scaling.control.service import Pool
    from penstock.scaling.size import Size
    from penstock.scaling.vertical import Course, Verdict

log = logging.getLogger("penstock")

WINDOWS = 30
"""So often advice is looked at for pools that resize by themselves: every five minutes."""
Advise = Callable[[], Awaitable[Sequence["Advice"]]]


class Vertical:
    """See the module. ``advise`` works out all advice there is."""

    def __init__(self, watching: Watching, scaling: Scaling, advise: Advise) -> None:
        self._gateway = watching.gateway
        self._scaling = scaling
        self._advise = advise
        self._courses: dict[str, Course] = {}
        self._windows = 0
        watching.takers.append(self.take)

    # ---- a person's word

    async def apply(self, question: dict[str, Any]) -> dict[str, Any]:
        """Resize the pools that it names, to what it says or what is advised."""
        from penstock.scaling.resizing import asked, wanted

        told = asked(question, self._scaling.controller.pools)
        if isinstance(told, dict):
            return told
        wishes = wanted(told, await self._advise(), self._scaling.controller.pools)
        rows = await asyncio.gather(
            *(self._resize(one.pool, one.size, one.why, dry_run=told.dry_run) for one in wishes)
        )
        pools = {one.pool: {"why": one.why, **row} for one, row in zip(wishes, rows, strict=True)}
        for name, row in pools.items():
            if _changed(row) and name in self._courses:
                self._courses[name].stop(self._gateway.clock.wall())
        wrong = [line for row in pools.values() for line in row.get("problems", ())]
        if pools and all("problems" in row for row in pools.values()):
            return {"status": 409, "code": "cannot_resize", "problems": wrong}
        return {"dry_run": told.dry_run, "pools": pools}

    async def _resize(self, name: str, size: Size, why: str, *, dry_run: bool = False) -> dict[str, Any]:
        question = {"do": "resize", "pool": name, "size": msgspec.to_builtins(size), "why": why, "dry_run": dry_run}
        try:
            row = await self._gateway.fleet.pools(question)
        except LinkError as error:
            return {"problems": [f"pool {name}: {error}; penstock scaling show {name} tells what came of it"]}
        pool = self._scaling.controller.pools.get(name)
        if pool is not None and _changed(row):
            pool.resized()
        return row

    # ---- by itself

    def take(self, window: Window) -> None:
        """A window of all workers is over."""
        now, pools = self._gateway.clock.wall(), self._scaling.controller.pools
        self._windows += 1
        self._courses = {name: one for name, one in self._courses.items() if name in pools}
        for name, pool in pools.items():
            vertical = pool.ruling.pool.vertical
            if vertical.mode != "auto":
                self._courses.pop(name, None)
                continue
            course = self._course(name, now)
            verdict = course.take(_calls(window, name, pool), now, vertical.cooldown, settled=_is_settled(pool, course))
            if verdict is not None:
                log.warning("pool %s: its new size is %s: %s", name,
                            "taken back" if verdict.does == "back" else "kept", verdict.reason)  # fmt: skip
            if verdict is not None and verdict.does == "back":
                self._gateway.crew.spawn(self._back(name, verdict), f"pool {name} goes back")
        may = [name for name, course in self._courses.items() if course.may(now, self._cooldown(name))]
        if may and not self._windows % WINDOWS:
            self._gateway.crew.spawn(self._follow(may), "sizes of pools")

    def _course(self, name: str, now: float) -> Course:
        from penstock.scaling.vertical import Course

        return self._courses.setdefault(name, Course(now))

    def _cooldown(self, name: str) -> float:
        return self._scaling.controller.pools[name].ruling.pool.vertical.cooldown

    async def _back(self, name: str, verdict: Verdict) -> None:
        row = await self._resize(name, verdict.size, verdict.reason)
        for line in row.get("problems", ()):
            log.error("%s; its size cannot be taken back", line)

    async def _follow(self, names: Sequence[str]) -> None:
        """Do what is advised of these pools."""
        from penstock.scaling.resizing import Asked, wanted
        from penstock.scaling.size import Size

        advice, pools = await self._advise(), self._scaling.controller.pools
        for name in names:
            for one in wanted(Asked(name), advice, pools):
                now, course = self._gateway.clock.wall(), self._courses.get(name)
                size = course.free(one.size, now) if course is not None else Size()
                if course is None or not course.may(now, self._cooldown(name)) or size == Size():
                    continue
                course.changed = now  # whatever comes of it, the next is not before the cool-down is over
                row = await self._resize(name, size, one.why)
                if _changed(row):
                    course.begin(msgspec.convert(row["before"], Size), msgspec.convert(row["size"], Size), now)
                for line in row.get("problems", ()):
                    log.warning("%s", line)

    def __repr__(self) -> str:
        return f"<Vertical {self._courses or 'nothing by itself'}>"


def _changed(row: dict[str, Any]) -> bool:
    """Whether replicas become others, by the supervisor's answer."""
    return "size" in row and not row["dry_run"] and row["size"] != row["before"]


def _calls(window: Window, name: str, pool: Pool) -> Any:
    """Those of a pool in a window."""
    from penstock.scaling.vertical import Calls

    groups = [group for group in window.groups if family(group.upstream) == name]
    return Calls(
        sum(group.calls for group in groups), sum(group.failed for group in groups),
        sum(count(group.firsts) for group in groups), sum(above(group.firsts, pool.sight.goal) for group in groups),
    )  # fmt: skip


def _is_settled(pool: Pool, course: Course) -> bool:
    """Whether all replicas that should stand do, and have the size that is tried."""
    from penstock.scaling.replica import Standing

    told = pool.told.get("standing")
    if told is None or course.trial is None:
        return False
    standing = msgspec.convert(told, Standing)
    ready = standing.of("ready")
    return (
        standing.size == course.trial.size and not standing.rolls and len(ready) == len(standing.replicas)
        and len(ready) >= int(pool.told["wanted"]) and not any(one.stale for one in ready)
    )  # fmt: skip
