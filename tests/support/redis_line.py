"""A connection to a Redis server that is not there: replies and failures by the script of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any


class ScriptedLine:
    """Each ``run`` takes the next of ``script``: replies, an OSError to raise, or a function of the commands; after its
    end every command is answered with b"OK"."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.sent: list[list[tuple[Any, ...]]] = []
        self.rests = 0.0
        self.trouble = "away"

    async def run(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        self.sent.append(list(commands))
        await asyncio.sleep(0)
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            raise step
        if callable(step):
            step = await step(commands)
        return [b"OK"] * len(commands) if step is None else list(step)
