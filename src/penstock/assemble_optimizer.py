"""The composition root's part for the optimizer: the first worker proposes, tries, and takes back.

Enters: windows; what people ask. Leaves: settings changed by the supervisor at all workers, things done once, a journal
in the store, and what ``/admin/v1/experiments`` tells. May fail: a change that cannot be had ends its experiment.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import platform
from collections.abc import Callable, Iterable
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.assemble_warming import Warming
from penstock.config import Config
from penstock.core.stored import Log, Missed
from penstock.core.windows import Window
from penstock.edge.config import ListenConfig

if TYPE_CHECKING:
    from penstock.assemble_watching import Watching
    from penstock.insight.findings import Experiment
    from penstock.insight.optimizer.knobs import Knob

log = logging.getLogger("penstock")

LOG = "experiments"
KEPT_ROWS = 1000
PAGE = 200
BY = "the optimizer"
WARM_SECONDS = 60.0


class Optimizing:
    """See the module. It survives reloads."""

    name = "optimizer"

    def __init__(self, watching: Watching) -> None:
        from penstock.insight.optimizer.course import Course

        self._watching = watching
        self._gateway = watching.gateway
        self._warming = Warming(watching.gateway)
        self._note_rows: Log | None = None
        self.course = Course(Random(), self._note)
        self._written: dict[str, str] = {}
        """By key that is changed live, what the file says."""
        self._wake = asyncio.Event()
        self._obeying = asyncio.Lock()
        self._restored = False
        watching.takers.append(self.take)
        watching.answers["experiments"] = self.answer

    def open(self) -> None:
        """Begin, at the first worker."""
        if self._watching.leads:
            self._gateway.crew.supervise(self)

    def follow(self, config: Config) -> None:
        """Propose and try as ``config`` says from now on."""
        from penstock.insight.config import InsightConfig
        from penstock.insight.optimizer.course import keys_of

        self.course.follow(config.of(InsightConfig).optimizer, keys_of(self._numbers(config)))
        self.course.prompts = self._warming.possible()
        memory = _number(config, "cache.memory")
        self.course.cache_bytes = memory * config.of(ListenConfig).workers if memory else 0.0

    def _numbers(self, config: Config) -> dict[str, float]:
        """What the file says of each key that may be moved here and now."""
        from penstock.insight.optimizer.knobs import KNOBS

        found: dict[str, float] = {}
        for knob in KNOBS:
            if knob.needs and not _is_on(config, knob.needs):
                continue
            for key in _keys(config, knob):
                value = knob.read(self._written[key]) if key in self._written else _number(config, key)
                if value is not None and value > 0:
                    found[key] = value
        return found

    # ---- windows

    def take(self, window: Window) -> None:
        """A window is over."""
        if not self._restored:
            return
        insight = getattr(self._watching, "insight", None)
        self.course.take(window, _open(insight, "anomalies_open"), _open(self._watching, "bottlenecks_open"))
        if self.course.config.mode != "off" or self.course.experiments.held():
            self._wake.set()

    async def run(self) -> None:
        """Go on from what was tried before; then see to it that what is wished is so, after each window."""
        if not self._restored:
            await self._restore()
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.obey()

    async def _restore(self) -> None:
        store = self._gateway.store
        rows = []
        if store is not None:
            self._note_rows = store.log(LOG, KEPT_ROWS)
            rows = await self._journal(self._note_rows)
        told = await self._gateway.fleet.settings({})
        in_force = {row["key"]: row["value"] for row in told["settings"]}
        self._written = {row["key"]: row["written"] for row in told["settings"]}
        self.course.restore(rows, in_force, self._gateway.clock.wall())
        self.follow(self._gateway.config)
        self._restored = True

    async def _journal(self, rows: Log) -> list[Experiment]:
        """What this gateway tried before, the oldest first, each as it was last told."""
        from penstock.insight.findings import Experiment

        found: dict[str, Experiment] = {}
        after = ""
        while True:
            try:
                page = await rows.read(after, PAGE)
            except Missed:
                page = []
            for _, raw in page:
                try:
                    where, one = msgspec.json.decode(raw, type=tuple[str, Experiment])
                except ValueError:
                    continue
                if where == self._where():
                    found[one.id] = one
            if len(page) < PAGE:
                return list(found.values())
            after = page[-1][0]

    def _where(self) -> str:
        """Gateways that share a store tell their own rows by it."""
        return f"{platform.node()}:{self._gateway.config.of(ListenConfig).port}"

    def _note(self, one: Experiment) -> None:
        if self._note_rows is not None:
            self._note_rows.append(msgspec.json.encode((self._where(), one)))

    # ---- what is wished

    async def obey(self) -> None:
        """Have the settings in force that are wished, and what is to be done done."""
        async with self._obeying:
            try:
                await self._settings()
            except Exception as error:  # a link that broke, a worker that starts: with the next window again
                log.warning("the optimizer could not change settings: %s", error)
                self.course.experiments.refused(str(error), self._gateway.clock.wall(), late=False)
            await self._act()

    async def _settings(self) -> None:
        experiments, wall = self.course.experiments, self._gateway.clock.wall
        rows = (await self._gateway.fleet.settings({}))["settings"]
        in_force = {row["key"]: row["value"] for row in rows}
        experiments.told(in_force, wall())
        wanted = experiments.wanted()
        if wanted != in_force:
            try:
                async with asyncio.timeout(self.course.config.timeout):
                    answer = await self._gateway.fleet.settings({"settings": wanted, "by": BY})
            except TimeoutError:
                experiments.refused(f"not in force within {self.course.config.timeout:g} s", wall(), late=True)
                return
            if not answer["ok"]:
                experiments.refused("; ".join(answer["problems"]), wall(), late=False)
                return
            rows = answer["settings"]
        self._written = {row["key"]: row["written"] for row in rows}
        experiments.applied(wanted, wall())
        self.follow(self._gateway.config)

    async def _act(self) -> None:
        """Do what is to be done once."""
        experiments = self.course.experiments
        if experiments.to_do is None:
            return
        proposal = experiments.to_do.proposal
        before = self.course.levels(proposal.metric)
        problem, late = "", False
        try:
            async with asyncio.timeout(self.course.config.timeout):
                if proposal.setting == "action:collect":
                    await self._gateway.fleet.settings({"act": "collect"})
                elif proposal.setting == "action:warm":
                    self._gateway.crew.spawn(self._warm(), "warm the cache")  # it goes on while it is judged
                else:
                    problem = f"nobody knows how to {proposal.setting}"
        except TimeoutError:
            late = True
        except Exception as error:
            problem = str(error)
        experiments.acted(before, self.course.period, self._gateway.clock.wall(), problem, late=late)

    async def _warm(self) -> None:
        try:
            async with asyncio.timeout(WARM_SECONDS):
                await self._warming.warm(self.course.config.warm)
        except TimeoutError:
            log.info("warming the cache was ended after %g s", WARM_SECONDS)

    # ---- what people ask

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """What is proposed, runs and was tried; or have something tried, or taken back."""
        from penstock.insight.optimizer.asked import do, told

        if "do" not in question:
            return told(self.course, question)
        answer = do(self.course, question, self._gateway.clock.wall())
        if "problems" not in answer:
            await self.obey()
            answer |= told(self.course, {"journal": "20"})
        return answer


def _open(insight: Any, name: str) -> list[Any]:
    """What is open now, where somebody looks for it."""
    told: Callable[[], Iterable[Any]] | None = getattr(insight, name, None)
    return [] if told is None else list(told())


def _is_on(config: Config, key: str) -> bool:
    try:
        return config.find(key).value not in (False, None, "none", "off", 0, 0.0)
    except LookupError:
        return False


def _number(config: Config, key: str) -> float | None:
    """The number in force at ``key``; None where there is none (one that is found out is below 0)."""
    try:
        value = config.find(key).value
    except LookupError:
        return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _keys(config: Config, knob: Knob) -> list[str]:
    """The keys that a knob stands for: one, or one for each name."""
    before, star, _ = knob.key.partition(".*.")
    if not star:
        return [knob.key]
    try:
        names = config.find(before).value
    except LookupError:
        return []
    return [knob.key_of(name) for name in names if "@" not in name]


def optimizing(watching: Watching) -> Optimizing | None:
    """An Optimizing if the insight slice is installed."""
    return Optimizing(watching) if importlib.util.find_spec("penstock.insight") is not None else None
