"""``scaling.pools.<name>.vertical``: whether, and within which bounds, replicas are made larger and smaller."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.core.settings import Finding
from penstock.core.units import Bytes, Seconds
from penstock.scaling.size import DIMENSIONS


class CoresConfig(Struct, frozen=True, kw_only=True):
    min: Annotated[float, Meta(gt=0, le=1024, description="One has at least so many.")]
    max: Annotated[float, Meta(gt=0, le=1024, description="One has at most so many.")]

    def check(self) -> Iterator[Finding]:
        yield from _ordered(self.min, self.max)


class MemoryConfig(Struct, frozen=True, kw_only=True):
    min: Annotated[Bytes, Meta(ge=1, description="One has at least so much.")]
    max: Annotated[Bytes, Meta(ge=1, description="One has at most so much.")]

    def check(self) -> Iterator[Finding]:
        yield from _ordered(self.min, self.max)


class CountConfig(Struct, frozen=True, kw_only=True):
    min: Annotated[int, Meta(ge=1, le=1_000_000, description="One has at least so many.")]
    max: Annotated[int, Meta(ge=1, le=1_000_000, description="One has at most so many.")]

    def check(self) -> Iterator[Finding]:
        yield from _ordered(self.min, self.max)


def _ordered(least: float, most: float) -> Iterator[Finding]:
    if least > most:
        yield ("min",), "min must not be more than max"


class VerticalConfig(Struct, frozen=True, kw_only=True):
    mode: Annotated[
        Literal["off", "suggest", "auto"],
        Meta(
            description="`suggest`: `penstock capacity` says how large replicas should be, and `--apply` makes them so."
            " `auto`: that is done without being asked."
        ),
    ] = "off"
    cpu: Annotated[CoresConfig | None, Meta(description="Cores. Unset, as with all of these: never changed.")] = None
    memory: Annotated[MemoryConfig | None, Meta(description="Bytes.")] = None
    slots: Annotated[CountConfig | None, Meta(description="Calls that an engine decodes at once.")] = None
    context: Annotated[CountConfig | None, Meta(description="Tokens of context of each of them.")] = None
    threads: Annotated[CountConfig | None, Meta(description="CPU threads of an engine.")] = None
    cooldown: Annotated[
        Seconds,
        Meta(ge=60, le=7 * 86_400, description="From one change to the next. So long one is watched, in mode `auto`."),
    ] = 1800.0

    def bounds(self) -> dict[str, tuple[float, float]]:
        """Least and most of each dimension that may be changed."""
        bounds = {name: getattr(self, name) for name in DIMENSIONS}
        return {name: (one.min, one.max) for name, one in bounds.items() if one is not None}

    @property
    def on(self) -> bool:
        """Whether anything may be changed."""
        return self.mode != "off"

    def check(self) -> Iterator[Finding]:
        if self.on and not self.bounds():
            yield ("mode",), f"mode {self.mode} needs bounds of what may be changed: {', '.join(DIMENSIONS)}"
