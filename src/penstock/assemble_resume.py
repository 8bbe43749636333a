"""The composition root's part for the resume slice, which is optional: without it no stream outlives its caller."""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from penstock.assemble_observation import noting
from penstock.config import Config
from penstock.core.ports import Stage
from penstock.edge.fleet import Fleet
from penstock.edge.generation import LocalRoute

if TYPE_CHECKING:
    from penstock.assemble import Gateway


class Resumption:
    """The kept streams of one worker. They survive reloads."""

    def __init__(self, gateway: Gateway, fleet: Fleet) -> None:
        from penstock.resume.config import ResumeConfig
        from penstock.resume.service import Continuation
        from penstock.resume.streams import Streams

        self._ledger = gateway.ledger
        account = self._ledger.account("resume", ResumeConfig().total_bytes)
        self.streams = Streams(gateway.number, account, gateway.clock.now, gateway.wheel.watch, noting(gateway))

        def ask(owner: int) -> Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]:
            return lambda question: fleet.stream(owner, question)

        self._continuation = Continuation(gateway.number, self.streams, gateway.crew, ask)

    def stage(self, config: Config) -> Stage | None:
        """The room for ``config``; None while it is switched off."""
        from penstock.resume.config import ResumeConfig
        from penstock.resume.stage import Resume

        section = config.of(ResumeConfig)
        return Resume(self.streams, always=section.always) if section.enabled else None

    def follow(self, config: Config) -> None:
        """Keep as ``config`` says from now on; what is kept already stays."""
        from penstock.resume.config import ResumeConfig

        self.streams.settings = config.of(ResumeConfig)
        self._ledger.account("resume", self.streams.settings.total_bytes)

    def prefixes(self) -> dict[str, LocalRoute]:
        """Where streams are continued."""
        from penstock.resume.service import PATH

        return {PATH: LocalRoute(self._continuation, "call", ("GET", "DELETE"))}

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """What another worker asks."""
        from penstock.resume.store import answer

        return await answer(self.streams, question)


def resumption(gateway: Gateway, fleet: Fleet) -> Resumption | None:
    """A Resumption if the slice is installed."""
    return Resumption(gateway, fleet) if importlib.util.find_spec("penstock.resume") is not None else None
