"""The composition root's part for the warm-up slice, which is optional: without it everything is done at first use.

Enters: the gateway and its configuration. Leaves: tasks that run beside the start, connections that are kept open, and
instances that come in slowly, their prompt caches filled first. What fails is named; only the gateway's own start may
end it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.assemble_arrivals import Arrivals
from penstock.assemble_rehearsal import rehearse
from penstock.config import Config
from penstock.core.errors import Fail
from penstock.core.marks import Marks, Span
from penstock.providers.http import HttpProvider
from penstock.routing.config import RoutingConfig
from penstock.routing.targets import Target

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.warmup.config import WarmupConfig
    from penstock.warmup.keeping import Dial
    from penstock.warmup.service import Warmup, Work

CALLED_SECONDS = 3600.0
"""An upstream that nobody called for so long is let go cold."""
POLL_SECONDS = 0.02
MARK = "warmup"


class WarmStart:
    """Of one worker. ``begin`` comes before the store is asked for anything else; ``follow`` after each change.
    ``starting``: the process is new, too, and has more to do before it is ready; ``marks``: where its time goes."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._warmup: Warmup | None = None
        self.starting = False
        self.marks = Marks(gateway.clock.now())
        self._built = asyncio.Event()
        self._config: WarmupConfig | None = None
        self._names: set[str] | None = None
        self._known: set[Target] = set()
        self._called: dict[Target, tuple[int, float]] = {}
        """Calls that each had served, and when that number was first seen."""
        self._arrivals = Arrivals(gateway)
        self._installed = importlib.util.find_spec("penstock.warmup") is not None

    async def begin(self, config: Config) -> None:
        """Start the tasks; those that need the rooms wait until ``follow`` was called."""
        self.marks.mark("store opened", self._gateway.clock.now())
        if not self._installed:
            return
        from penstock.warmup.config import WarmupConfig
        from penstock.warmup.service import Keeping, Warmup
        from penstock.warmup.tasks import Plan, Task

        section = self._config = config.of(WarmupConfig)
        work = self._work(section, config)

        def task(name: str, priority: int, holds: float, after: tuple[str, ...] = ()) -> Task:
            timeout = section.timeout(name)
            held = timeout if name in section.wait_for else min(holds, timeout)
            return Task(name, priority, timeout, held, [one for one in after if one in work])

        tasks = [
            task("store", 1, section.timeout("store")),
            task("rehearsal", 2, section.timeout("rehearsal")),
            task("connections", 2, section.connections.within),
            task("caches", 3, 0.0, ("store",)),
            task("embedder", 3, 0.0),
            task("models", 3, 0.0),
            task("prefixes", 4, 0.0, ("models",)),
            task("answers", 5, 0.0, ("caches",)),
        ]
        gateway = self._gateway
        if not work:
            return
        self._warmup = Warmup(Plan(one for one in tasks if one.name in work), work, gateway.crew, gateway.clock.now)
        gateway.crew.spawn(self._warmup.run(), "warm-up")
        gateway.crew.supervise(Keeping(self._dials, gateway.clock.now))
        for _ in range(2):  # the store is asked now, and looks after its file while the rooms are made
            await asyncio.sleep(0)

    def awaited(self) -> list[str]:
        """What readiness waits for."""
        awaited = [] if self._warmup is None else self._warmup.awaited()
        return awaited or (["start"] if self.starting else [])

    async def ready(self) -> None:
        """Wait until readiness waits for nothing of this; never longer than the longest of its timeouts."""
        if self._warmup is not None:
            await self._warmup.ready()

    async def profile(self, within: float) -> list[list[Any]]:
        """Where the time of the start went, once all tasks are over or ``within`` seconds have passed; plain values."""
        marks = Marks(self.marks.began)
        marks.add(self.marks.spans)
        if self._warmup is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._warmup.over.wait()
            now = self._gateway.clock.now()
            marks.add(
                Span(f"task {name}", one.began, one.ended or now, "" if one.state == "done" else one.why or one.state)
                for name, one in self._warmup.plan.outcomes.items()
                if one.state != "waits"
            )
        return marks.rows()

    def follow(self, config: Config) -> None:
        """There are rooms for ``config`` now. Whom it brings in comes in slowly."""
        if not self._built.is_set():
            self.marks.mark("rooms made", self._gateway.clock.now())
        if not self._installed:
            return
        from penstock.warmup.config import WarmupConfig

        section = self._config = config.of(WarmupConfig)
        self._gateway.upstreams.shared.common.follow(
            section.prefixes.most if section.does("prefixes") else 0, section.prefixes.bytes
        )
        known, self._known = self._known, set(self._gateway.edition.targets)
        names, self._names = self._names, {target.name for target in self._known}
        if names is not None:
            for target in self._known - known:
                if target.name not in names:
                    self._arrivals.welcome(target, section)
        self._built.set()

    # ---- the tasks

    def _work(self, section: WarmupConfig, config: Config) -> dict[str, Work]:
        """What each task does; those for which there is nothing to do are absent."""
        gateway = self._gateway
        kinds = {upstream.kind for upstream in config.of(RoutingConfig).upstreams.values()}
        work: dict[str, Work] = {"connections": self._connect, "models": self._load}
        if section.rehearsal and self.starting:
            work["rehearsal"] = lambda: self._rehearse(config, section.rehearsal)
        if gateway.store is not None:
            work["store"] = self._reach_store
        if importlib.util.find_spec("penstock.cache") is not None:  # the cache itself is made later
            work["caches"] = self._read_cache
            if self._gateway.number == 0 and (most := self._answers_wanted(config)):  # one worker asks for all
                work["answers"] = lambda: self._ask_again(most)
            if self._vectors(config):
                work["embedder"] = self._embed
        if section.prefixes.files and section.prefixes.most:
            work["prefixes"] = self._prefill_all
        if "local" not in kinds:
            del work["models"]
        return {name: one for name, one in work.items() if section.does(name)}

    def _vectors(self, config: Config) -> bool:
        from penstock.cache.config import CacheConfig

        return config.of(CacheConfig).semantic.enabled

    def _answers_wanted(self, config: Config) -> int:
        from penstock.cache.config import CacheConfig

        return config.of(CacheConfig).warming

    async def _ask_again(self, most: int) -> None:
        """The commonest prompts of the journal are answered once more. Raises OSError where it keeps none."""
        from penstock.assemble_warming import Warming

        warming = Warming(self._gateway)
        if not warming.possible():
            raise OSError("cache.warming needs journal.prompts, and the slices cache, journal and jobs")
        await warming.warm(most)

    async def _reach_store(self) -> None:
        """The first question opens a file, or a connection, and checks it. Raises OSError."""
        store = self._gateway.store
        assert store is not None
        await store.counters.once(MARK, b"1")

    async def _rehearse(self, config: Config, calls: int) -> None:
        await self._built.wait()
        await rehearse(self._gateway, config, calls)

    async def _connect(self) -> None:
        """One connection to each upstream, all at once. Raises OSError that names those that cannot be reached."""
        await self._built.wait()
        dials = self._dials(least=1)
        results = await asyncio.gather(*(dial(0.0) for dial in dials.values()), return_exceptions=True)
        failed = [
            f"{name} ({result.message if isinstance(result, Fail) else result})"
            for name, result in zip(dials, results, strict=True)
            if isinstance(result, BaseException)
        ]
        if failed:
            raise OSError(f"{len(failed)} of {len(dials)} upstreams were not reached: {', '.join(failed[:10])}")

    async def _read_cache(self) -> None:
        """The entries that are kept in the store are known."""
        await self._built.wait()
        caching = self._gateway.caching
        while caching is not None and not caching.shelf.ready:  # noqa: ASYNC110 - once in a life, and under a timeout
            await asyncio.sleep(POLL_SECONDS)

    async def _embed(self) -> None:
        """A first text is slower than the others. An upstream that embeds is connected to by another task, and is asked
        through rooms that the first call shows."""
        await self._built.wait()
        caching = self._gateway.caching
        memory = None if caching is None else caching.semantics.memory
        if memory is None:
            return
        from penstock.cache.semantic.config import UPSTREAM

        if memory.rooms.below is None and memory.embedder.name.startswith(UPSTREAM):
            return
        if await memory.embedder.embed("Is everybody ready?") is None:
            raise OSError("the embedder gave no vector")

    async def _load(self) -> None:
        """Each embedded engine has a replica that is ready. Raises UpstreamError."""
        await self._built.wait()
        from penstock.providers.local.provider import Local

        engines = [target.provider for target in self._known if isinstance(target.provider, Local)]
        assert self._config is not None
        until = self._gateway.clock.now() + self._config.timeout("models")
        await asyncio.gather(*(engine.open(until) for engine in engines))

    async def _prefill_all(self) -> None:
        await self._built.wait()
        section = self._config
        assert section is not None
        await asyncio.gather(*(self._arrivals.prefill(target, section) for target in list(self._known)))

    # ---- connections

    def _dials(self, least: int = 0) -> Mapping[str, Dial]:
        """What opens the connections that are lacking, by upstream. Engines within this machine need none; whoever is
        drained, fails, or was not called for long gets none."""
        gateway, section = self._gateway, self._config
        number = 0 if section is None else max(least, section.connections.keep)
        now = gateway.clock.now()
        called, self._called = self._called, {}
        dials: dict[str, Dial] = {}
        for target in list(self._known) if number else ():
            provider = target.provider
            served, since = called.get(target, (-1, now))
            self._called[target] = target.served, now if target.served != served else since
            lately = now - self._called[target][1] <= CALLED_SECONDS
            if isinstance(provider, HttpProvider) and lately and not target.draining and target.standing(now):
                dials[target.name] = partial(provider.warm, number)
        return dials

    def __repr__(self) -> str:
        return f"<WarmStart {self._warmup!r}>"
