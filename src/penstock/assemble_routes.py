"""The composition root's part for decisions of routing that are explained and recorded."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import msgspec

from penstock.assemble_waking import bounds_of
from penstock.config import Config
from penstock.routing.config import RoutingConfig
from penstock.routing.explain import call_of, explain
from penstock.routing.record import Recorded
from penstock.routing.store import Decisions
from penstock.routing.strategies.strategy import Shared
from penstock.routing.table import Entry, Table

MOST_TOLD = 1000
"""Decisions in one answer."""


class Routes:
    """Explains and remembers the decisions of one worker; it survives reloads."""

    def __init__(self, shared: Shared, now: Callable[[], float], wall: Callable[[], float]) -> None:
        self.decisions = Decisions()
        self._shared = shared
        self._now = now
        self._wall = wall

    def table(self, entries: list[Entry], config: Config) -> Table:
        """The table of ``entries``; where ``config`` wants decisions recorded, their strategies are watched."""
        most, path = _wanted(config)
        if most or path is not None:
            names = strategies(config)
            for entry in [*entries, *(entry.new for entry in entries if entry.new is not None)]:
                entry.strategy = Recorded(
                    entry.label, names[entry.pattern], entry.strategy, self._shared, self.decisions.keep, self._wall
                )
        return Table(entries)

    def follow(self, config: Config) -> None:
        """Keep as many as ``config`` says."""
        self.decisions.follow(*_wanted(config))

    def answer(self, table: Table, config: Config, question: dict[str, Any]) -> dict[str, Any]:
        """The ``last`` decisions, or how a call with ``body`` would be decided. Raises CallerError."""
        if "body" not in question:
            count = min(int(question["last"]), MOST_TOLD)
            told = [msgspec.to_builtins(decision) for decision in self.decisions.last(count)]
            return {"recording": self.decisions.wanted, "decisions": told}
        call = call_of(
            str(question["body"]).encode(),
            str(question.get("operation") or "chat"),
            str(question.get("session") or ""),
            str(question.get("client") or ""),
        )
        scope = str(question.get("key") or "")
        explained = explain(table, self._shared, strategies(config), call, scope=scope, now=self._now())
        entry = table.find(call.model)
        bounds = None if entry.targets else bounds_of(config).get(entry.pattern)
        return explained | {"waits_for": None if bounds is None else bounds.pool}


def strategies(config: Config) -> dict[str, str]:
    """By the name of a model, that of its strategy."""
    return {pattern: model.strategy for pattern, model in config.of(RoutingConfig).models.items()}


def _wanted(config: Config) -> tuple[int, str | None]:
    """How many decisions are kept, and the file that they go to. None without the observe slice."""
    if importlib.util.find_spec("penstock.observe") is None:
        return 0, None
    from penstock.observe.config import ObserveConfig

    section = config.of(ObserveConfig)
    return section.routes, section.routes_file
