"""The ``insight.optimizer`` section: what may be tried by itself, how far, and what must not be hurt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.core.scalars import suggest
from penstock.core.settings import Finding
from penstock.core.units import Seconds
from penstock.insight.optimizer.knobs import KNOBS, STAR, knob_of


class OptimizerConfig(Struct, frozen=True, kw_only=True):
    mode: Annotated[
        Literal["off", "suggest", "auto"],
        Meta(description="`suggest`: changes that may help are proposed. `auto`: they are tried, one at a time."),
    ] = "suggest"
    bounds: Annotated[
        dict[str, list[str]],
        Meta(
            description="By dotted key, the lowest and the highest value that may be tried, such as `batching.max_wait:"
            " [2ms, 40ms]`; `upstreams.*.weight` means all. A key that stands here is tried even while nothing is"
            " wrong. Of keys that do not, some move between multiples of what this file says, the others never."
        ),
    ] = {}
    guard: Annotated[
        float,
        Meta(
            gt=0, le=1, description="So much worse, as a share, may what is not to be improved become; else: rollback."
        ),
    ] = 0.2
    least: Annotated[float, Meta(gt=0, le=1, description="An effect smaller than this share is not kept.")] = 0.02
    timeout: Annotated[Seconds, Meta(gt=0, le=60, description="A change must be in force within this.")] = 10.0
    pause: Annotated[
        Seconds,
        Meta(ge=10, le=3600, description="Judged at a time: so long with the change, so long without, by turns."),
    ] = 60.0
    deadline: Annotated[
        Seconds, Meta(ge=60, le=86400, description="An experiment without a clear effect ends after this.")
    ] = 3600.0
    proving: Annotated[
        Seconds,
        Meta(ge=0, le=86400, description="What helped must go on helping for this long before it counts as kept."),
    ] = 1800.0
    cooldown: Annotated[
        Seconds,
        Meta(
            gt=0, le=86400, description="After a failure a key is left alone for this; twice as long after each more."
        ),
    ] = 600.0
    target_rate: Annotated[
        float,
        Meta(ge=0, le=1_000_000, description="Tokens a second of one answer that are wanted; 0: the best lately."),
    ] = 0.0
    unsafe: Annotated[
        bool, Meta(description="Whether `auto` also tries what is not safe: what may make answers wrong.")
    ] = False
    warm: Annotated[
        int, Meta(ge=0, le=1000, description="Prompts asked at most when the cache is warmed from the journal.")
    ] = 20

    def check(self) -> Iterator[Finding]:
        known = [knob.key for knob in KNOBS]
        for key, pair in self.bounds.items():
            knob = knob_of(key)
            if knob is None:
                hint = suggest(key, known) or f"; there are {', '.join(known)}"
                yield ("bounds", key), f"{key[:100]} is no key that may be moved{hint}"
                continue
            if len(pair) != 2:
                yield ("bounds", key), "must be two values: the lowest and the highest"
                continue
            try:
                low, high = (knob.read(text) for text in pair)
            except ValueError as error:
                yield ("bounds", key), f"{key[:100]}: {error}"
                continue
            if not 0 < low < high:
                yield ("bounds", key), "the lowest must be above 0 and below the highest"
        for key in self.bounds:
            if STAR in key and key not in known:
                yield ("bounds", key), f"{key[:100]}: the star stands for a whole name"
