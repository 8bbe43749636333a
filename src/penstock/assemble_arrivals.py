"""The composition root's part for instances that come while others serve: slowly, and their prompt caches filled first.

Enters: a Target that is new. Leaves: its share grows once it has computed what many calls begin with; sent to engines
of one's own as calls of one token, to others only where that is wished. What fails is logged, and it takes part.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.core.errors import Fail
from penstock.routing.commonest import Commonest, prefill
from penstock.routing.table import Entry
from penstock.routing.targets import Target

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.warmup.config import WarmupConfig

log = logging.getLogger("penstock")

OWN = frozenset({"local", "vllm", "sglang", "llamacpp", "ollama"})
"""Kinds of engines that one runs oneself: a token there costs nothing but a moment."""
PREFILL_SECONDS = 30.0
MOST_ANSWER_BYTES = 64 * 1024
PREFILLS_AT_ONCE = 2
"""At one engine: callers are there, too."""


class Arrivals:
    """Of one worker."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def welcome(self, target: Target, section: WarmupConfig) -> None:
        """It gets a small share at once, and its full one some time after its prompt cache was filled."""
        now = self._gateway.clock.now()
        if not section.does("prefixes") or not self._bodies(target, section):
            target.health.arrive(now)
            return
        target.health.arrive(now + section.timeout("prefixes"))
        self._gateway.crew.spawn(self._prepare(target, section), f"prefixes for {target.name}")

    async def _prepare(self, target: Target, section: WarmupConfig) -> None:
        began = self._gateway.clock.now()
        try:
            async with asyncio.timeout(section.timeout("prefixes")):
                number = await self.prefill(target, section)
            took = self._gateway.clock.now() - began
            log.info("upstream %s: %d beginnings of prompts were computed in %.1f s", target.name, number, took)
        except (TimeoutError, Fail, OSError) as error:
            log.warning(
                "upstream %s takes part without its prompt cache filled: %s", target.name, str(error) or "too slow"
            )
        finally:
            target.health.arrive(self._gateway.clock.now())

    async def prefill(self, target: Target, section: WarmupConfig) -> int:
        """Have ``target`` compute what calls begin with. Gives how many calls that took. Raises what a call raises."""
        gate = asyncio.Semaphore(PREFILLS_AT_ONCE)
        probe = getattr(target.provider, "probe", None)

        async def one(body: bytes) -> None:
            async with gate:
                assert probe is not None
                status, _ = await probe("POST", "chat/completions", body, PREFILL_SECONDS, MOST_ANSWER_BYTES)
                if status >= 400:
                    raise OSError(f"it answered {status}")

        bodies = [] if probe is None else self._bodies(target, section)
        await asyncio.gather(*(one(body) for body in bodies))
        return len(bodies)

    def _bodies(self, target: Target, section: WarmupConfig) -> list[bytes]:
        """What to send there: nothing where it would be paid for, unless that is wished."""
        if target.kind == "anthropic" or not (target.kind in OWN or section.prefixes.paid):
            return []
        common = self._gateway.upstreams.shared.common
        models = _models((entry for entry in self._gateway.edition.table.entries if target in entry.targets), common)
        texts = [{"role": "system", "content": _text(path)} for path in section.prefixes.files]
        bodies = [prefill(model, text, {}) for model in models for text in texts]
        bodies += [body for model in models for body in common.bodies(model)]
        return list(dict.fromkeys(bodies))[: section.prefixes.most * max(1, len(models))]

    def __repr__(self) -> str:
        return f"<Arrivals at {self._gateway!r}>"


def _models(entries: Iterable[Entry], common: Commonest) -> list[str]:
    """The names under which the upstream of ``entries`` is asked; of those that callers choose, the ones that came."""
    names: set[str] = set()
    for entry in entries:
        if not entry.pattern.endswith("*") or entry.upstream_model not in (None, "*"):
            names.add(entry.upstream_model or entry.pattern)
        elif entry.upstream_model is None:
            names |= {model for model in common.models if model.startswith(entry.pattern[:-1])}
    return sorted(names)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise OSError(f"warmup.prefixes.files: {path} cannot be read: {error.strerror or error}") from None
