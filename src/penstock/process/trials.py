"""New versions of models on trial, judged over all workers together: what each has measured is added up, and what is
decided is told to all, also to a worker that starts later.

Enters: the workers' trials. Leaves: a verdict in each of them, and a line in the log. A model is known by its name and
the fingerprint of its configuration: a changed one is on trial anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from penstock.routing.trial import Rules, Side, Verdict, judge, look_due

log = logging.getLogger("penstock")

LOOK_SECONDS = 5.0
ASKED: dict[str, Verdict] = {"promote": "promoted", "rollback": "rolled_back", "resume": "running"}
"""What an operator may say, and what it makes of the trial."""

AskAll = Callable[[str, Any], Awaitable[list[Any]]]
"""Ask every worker, by a name and a value; those that fail are left out."""


class Trials:
    """See the module."""

    def __init__(self, ask_all: AskAll) -> None:
        self._ask_all = ask_all
        self._decided: dict[str, tuple[str, Verdict, str]] = {}
        self._looked: dict[str, tuple[str, int]] = {}

    async def list(self) -> dict[str, dict[str, Any]]:
        """By model: share, verdict and reason, and what was measured of both versions, over all workers."""
        merged: dict[str, dict[str, Any]] = {}
        for answer in await self._ask_all("trials", None):
            for model, trial in answer.items():
                known = merged.get(model)
                if known is None or known["id"] != trial["id"]:
                    merged[model] = {**trial, "new": Side(), "old": Side(), "verdicts": set()}
                    known = merged[model]
                known["new"].load(trial["new"])
                known["old"].load(trial["old"])
                known["verdicts"].add(trial["verdict"])
        return merged

    async def told(self) -> dict[str, Any]:
        """The same in plain values."""
        return {
            model: {
                **{name: trial[name] for name in ("share", "verdict", "reason", "rules")},
                "new": trial["new"].told(),
                "old": trial["old"].told(),
            }
            for model, trial in (await self.list()).items()
        }

    async def look(self) -> None:
        """Judge what is due, and tell all what was decided."""
        merged = await self.list()
        self._decided = {model: known for model, known in self._decided.items() if model in merged}
        for model, trial in merged.items():
            decided = self._decided.get(model)
            if decided is not None and decided[0] == trial["id"] and decided[1] != "fit":
                if trial["verdicts"] != {decided[1]}:  # a worker that started since knows of nothing
                    await self._tell(model, trial["id"], decided[1], decided[2])
                continue
            looked = self._looked.get(model)
            calls = trial["new"].calls
            if look_due(calls, looked[1] if looked is not None and looked[0] == trial["id"] else 0):
                self._looked[model] = (trial["id"], calls)
                verdict, reason = judge(trial["new"], trial["old"], Rules(**trial["rules"]))
                if verdict != "running" and (decided is None or decided[1] != verdict):
                    await self._decide(model, trial["id"], verdict, reason)

    async def decide(self, model: str, asked: str) -> bool:
        """What an operator says of ``model``; False when no version of it is on trial."""
        trial = (await self.list()).get(model)
        if trial is None:
            return False
        await self._decide(model, trial["id"], ASKED[asked], "an operator said so")
        return True

    async def _decide(self, model: str, id: str, verdict: Verdict, reason: str) -> None:
        self._decided[model] = (id, verdict, reason)
        level = logging.ERROR if verdict == "rolled_back" else logging.WARNING
        log.log(level, "the new version of model '%s' is %s: %s", model, verdict.replace("_", " "), reason)
        await self._tell(model, id, verdict, reason)

    async def _tell(self, model: str, id: str, verdict: Verdict, reason: str) -> None:
        await self._ask_all("decide", {"model": model, "id": id, "verdict": verdict, "reason": reason})

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    def __repr__(self) -> str:
        return f"<Trials {len(self._decided)} decided>"
