"""The composition root's part for the grouping slice, which is optional: without it every call is sent at once."""

from __future__ import annotations

import asyncio
import importlib.util
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock.config import Config, ConfigError
from penstock.routing.config import RoutingConfig

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.grouping.config import GroupingConfig
    from penstock.grouping.stage import Grouping, Way

SLOTTED = frozenset({"local", "llamacpp", "ollama"})
"""Kinds that keep a prompt in the slot of its call: another call has no use of it before that one ends."""


class Grouped:
    """One worker's groups. Counts and what was learned survive reloads; groups stay with the configuration they began
    with."""

    def __init__(self, gateway: Gateway) -> None:
        from penstock.grouping.counts import Counts
        from penstock.grouping.pace import Pace
        from penstock.grouping.waiting import numbered

        self.counts = Counts()
        self._pace = Pace()
        self._gateway = gateway
        self._name = numbered(gateway.number)
        self._embedder: tuple[str, Any] | None = None
        self._stages: weakref.WeakSet[Grouping] = weakref.WeakSet()

    def stage(self, config: Config) -> Grouping | None:
        """The room for ``config``; None while it is switched off. Raises ConfigError."""
        from penstock.grouping.config import GroupingConfig
        from penstock.grouping.stage import Grouping

        section = config.of(GroupingConfig)
        if section.group_by == "none":
            return None
        least = section.min_prefix if section.group_by == "prefix" else 0
        stage = Grouping(self._way(section, config), least, self._gateway.clock.now)
        self._stages.add(stage)
        return stage

    def _way(self, section: GroupingConfig, config: Config) -> Way:
        from penstock.grouping.by_likeness import ByLikeness
        from penstock.grouping.by_prefix import ByPrefix

        now = self._gateway.clock.now
        if section.group_by == "prefix":
            slotted = slotted_of(config)
            return ByPrefix(section, self.counts, now, self._name, slotted, self._pace, asyncio.get_running_loop)
        embedder = self._embedder_of(section.embedder, config.source)
        return ByLikeness(section, self.counts, now, self._name, embedder, asyncio.get_running_loop)

    def _embedder_of(self, name: str, source: str) -> Any:
        """Loaded once. Raises ConfigError."""
        if self._embedder is None or self._embedder[0] != name:
            try:
                from penstock.assemble_embedder import WeightsError, embedder
            except ImportError as error:
                missing = f'grouping needs {error.name}, which is not installed: pip install "penstock[semantic]"'
                raise ConfigError([f"{source}: {missing}"]) from None
            try:
                self._embedder = name, embedder(name)
            except WeightsError as error:
                raise ConfigError([f"{source}: grouping.embedder: {error}"]) from None
        return self._embedder[1]

    # ---- what is told

    def dump(self) -> dict[str, Any]:
        """This worker's groups, now, and what came of those before, as plain values."""
        return {"now": [group for stage in self._stages for group in stage.told()], **self.counts.dump()}


def slotted_of(config: Config) -> Callable[[str], bool]:
    """Whether an upstream, or one that was discovered for it, keeps a prompt in its call's slot."""
    names = {name for name, upstream in config.of(RoutingConfig).upstreams.items() if upstream.kind in SLOTTED}
    return lambda upstream: upstream in names or upstream.partition("/")[0] in names


def grouped(gateway: Gateway) -> Grouped | None:
    """A Grouped if the slice is installed."""
    return Grouped(gateway) if importlib.util.find_spec("penstock.grouping") is not None else None
