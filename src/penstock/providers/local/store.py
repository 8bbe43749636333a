"""The weights of an engine, waited for: here already, or fetched in a child process.

Enters a model's name; leaves the path of a GGUF file. Keeps trying, because a network or a disk may come back;
``trouble`` tells meanwhile why there is none yet.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from penstock.net.children import STDOUT, Backoff, spawn
from penstock.providers.local import engine, weights

log = logging.getLogger("penstock.local")

EMBEDDED = "smollm2"


class WeightsStore:
    """``model`` is ``smollm2`` or the path of a GGUF file."""

    def __init__(self, model: str, backoff: Backoff) -> None:
        self.model = model
        self.trouble = ""
        self._backoff = backoff

    async def obtain(self) -> str:
        """The path of the weights, however long it takes."""
        while True:
            try:
                if not engine.installed():
                    raise weights.WeightsError("the embedded engine is not installed: pip install 'penstock[local]'")
                if self.model != EMBEDDED:
                    path = str(weights.own_weights(self.model, "model"))
                else:
                    path = str(weights.find_weights() or await self._fetch())
            except weights.WeightsError as error:
                if str(error) != self.trouble:
                    log.error("no weights for %s: %s", self.model, error)
                self.trouble = str(error)
                await asyncio.sleep(self._backoff.failed())
            else:
                self.trouble = ""
                return path

    async def _fetch(self) -> str:
        """In a child: a download can be ended with it at any moment, a thread cannot."""
        if not self.trouble:
            self.trouble = "its weights are being downloaded"
        lines: list[str] = []

        def heard(fd: int, line: str) -> None:
            if fd == STDOUT:
                lines.append(line)
            else:
                log.info("%s: %s", self.model, line)

        argv = [sys.executable, "-P", "-m", "penstock.providers.local.weights"]
        child = await spawn(argv, name=f"{self.model} weights", on_line=heard)
        try:
            status = await child.wait()
        finally:
            await child.stop(grace=2.0)
        if status == 0 and lines:
            return lines[-1]
        raise weights.WeightsError((child.last_lines() or [f"fetching them ended with status {status}"])[-1])

    def __repr__(self) -> str:
        return f"<WeightsStore {self.model} {self.trouble}>"
