"""The order of the scenes, and their playing.

Enters: which scenes, a theatre, a teller. Leaves: for each scene whether it showed what it claims.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from penstock.demo.telling import Teller
from penstock.demo.theatre import Theatre, TheatreError

SCENES = ("start", "spike", "cache", "rescue", "batching", "scale", "anomaly", "optimizer")
VIRTUAL = ("anomaly", "optimizer")
"""Played in virtual time: they need no servers."""


def scene(name: str) -> Any:
    """Its module, with a TITLE and a ``play``."""
    return importlib.import_module(f"penstock.demo.scenes.{name}")


async def play(names: Sequence[str], stage: Theatre, tell: Teller) -> dict[str, bool]:
    """Play them. One that fails ends; the others are still played."""
    held: dict[str, bool] = {}
    for number, name in enumerate(names, 1):
        module = scene(name)
        tell.title(number, len(names), module.TITLE)
        try:
            await module.play(stage, tell)
        except (TheatreError, OSError, TimeoutError, ValueError, LookupError) as error:
            tell.fact(f"the scene broke off: {type(error).__name__}: {error}", False)
        held[name] = bool(tell.facts) and all(fact.shown for fact in tell.facts)
    return held
