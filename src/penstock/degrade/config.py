"""The ``degrade`` section: what calls are given less of when the gateway is full. Without steps: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from penstock.core.patterns import fits
from penstock.core.priority import Name
from penstock.core.scalars import suggest
from penstock.core.settings import Finding
from penstock.core.units import Seconds

MOST_STEPS = 32


class StepConfig(Struct, frozen=True, kw_only=True):
    """One step of the ladder."""

    at: Annotated[
        float | None,
        Meta(
            gt=0, le=1000,
            description="On from this load: calls that are served or wait, over those that can be served at once"
            " (above 1 calls wait).",
        ),
    ] = None  # fmt: skip
    until: Annotated[
        float | None, Meta(gt=0, le=1000, description="Off below this load. Unset: four fifths of `at`.")
    ] = None
    pressure: Annotated[
        int | None, Meta(ge=1, le=5, description="On from this level of memory pressure; off below it.")
    ] = None
    hold: Annotated[
        Seconds, Meta(ge=0, le=3600, description="It stays on for so long after the last moment that asked for it.")
    ] = 5.0
    classes: Annotated[
        list[Name], Meta(min_length=1, description="The priority classes that it concerns.")
    ] = field(default_factory=lambda: ["normal", "low", "batch"])  # fmt: skip
    max_tokens: Annotated[int | None, Meta(ge=1, le=10_000_000, description="Answers have so many tokens at most.")] = (
        None
    )
    model: Annotated[
        str | None,
        Meta(min_length=1, description="Answered by this one of `models` instead, where it is known to lack nothing."),
    ] = None
    cache_ttl: Annotated[
        Seconds | None,
        Meta(
            gt=0, le=366 * 86400,
            description="A kept answer is told although its time is over, if it is no older than this.",
        ),
    ] = None  # fmt: skip

    def check(self) -> Iterator[Finding]:
        if self.at is None and self.pressure is None:
            yield ("at",), "a step needs at (a load) or pressure (a level): else it would never begin"
        given = [name for name in ("max_tokens", "model", "cache_ttl") if getattr(self, name) is not None]
        if len(given) != 1:
            yield (
                (given[1] if given else "max_tokens",),
                f"a step does one of max_tokens, model and cache_ttl, not {' and '.join(given) or 'nothing'}",
            )
        if self.until is not None and (self.at is None or self.until > self.at):
            yield ("until",), "until is the load below which the step ends: it needs at, and cannot be above it"


class DegradeConfig(Struct, frozen=True, kw_only=True):
    steps: Annotated[
        list[StepConfig],
        Meta(
            max_length=MOST_STEPS,
            description="What is given up, each step under its own load. Of several that are on, the shortest answer,"
            " the last model and the oldest answer count. Empty: calls are never given less.",
        ),
    ] = field(default_factory=list)

    @property
    def oldest(self) -> float:
        """Seconds that the longest ``cache_ttl`` has; 0 without one."""
        return max((step.cache_ttl for step in self.steps if step.cache_ttl is not None), default=0.0)

    def check_models(self, models: list[str]) -> Iterator[Finding]:
        """What is wrong beside those ``models``."""
        for number, step in enumerate(self.steps):
            if step.model is not None and not any(fits(name, step.model) for name in models):
                yield (
                    ("degrade", "steps", number, "model"),
                    f'degrade.steps: unknown model "{step.model[:64]}"{suggest(step.model, models)}',
                )
