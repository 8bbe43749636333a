"""The ``batching`` section: calls of several callers that go to the upstream as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from penstock.core.patterns import misplaced_stars, unmet
from penstock.core.scalars import suggest
from penstock.core.settings import Finding
from penstock.core.units import Bytes, Seconds

OPERATIONS = {"embeddings": True, "moderations": True, "completions": True, "rerank": False}
"""What can be merged, and whether it is where nothing says otherwise. A reranker that looks at all documents together
would rank differently."""


class Step(Struct, frozen=True, kw_only=True):
    above: Annotated[float, Meta(ge=0, le=100, description="Share of this worker's places in use.")]
    factor: Annotated[float, Meta(ge=0, le=10, description="`max_wait` times this.")]


class Rule(Struct, frozen=True, kw_only=True):
    enabled: Annotated[bool | None, Meta(description="Whether such calls are merged at all.")] = None
    min_items: Annotated[int | None, Meta(ge=1, le=65_536, description="As above, for these.")] = None
    max_items: Annotated[int | None, Meta(ge=1, le=65_536, description="As above, for these.")] = None
    max_tokens: Annotated[int | None, Meta(ge=1, description="As above, for these.")] = None
    max_bytes: Annotated[Bytes | None, Meta(ge=1, description="As above, for these.")] = None
    max_wait: Annotated[Seconds | None, Meta(ge=0, le=10, description="As above, for these.")] = None


class BatchingConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[
        bool, Meta(description="Whether embeddings, moderations and completions of several callers go as one call.")
    ] = False
    scope: Annotated[
        Literal["key", "all"],
        Meta(description="Whose calls meet: those that came with one key, or everybody's."),
    ] = "key"
    min_items: Annotated[
        int, Meta(ge=1, le=65_536, description="A smaller batch waits until `max_wait` is over, though it need not.")
    ] = 1
    max_items: Annotated[
        int, Meta(ge=1, le=65_536, description="A batch of so many leaves at once; a call with as many goes alone.")
    ] = 32
    max_tokens: Annotated[int, Meta(ge=1, description="The same, of their tokens as estimated.")] = 16_384
    max_bytes: Annotated[Bytes, Meta(ge=1, description="The same, of their bytes.")] = 1024 * 1024
    max_wait: Annotated[
        Seconds,
        Meta(ge=0, le=10, description="How long a call may wait for others, before `wait_at_load`; it seldom does."),
    ] = 0.01
    wait_at_load: Annotated[
        list[Step],
        Meta(description="How `max_wait` changes with the load of this worker: the highest step below it counts."),
    ] = field(
        default_factory=lambda: [
            Step(above=0.8, factor=1 / 3),
            Step(above=0.6, factor=0.5),
            Step(above=0.3, factor=1.0),
            Step(above=0.0, factor=2.0),
        ]
    )
    total: Annotated[
        Bytes, Meta(ge=64 * 1024, description="Bytes of all batches, per worker; beyond it calls go alone.")
    ] = 64 * 1024 * 1024
    operations: Annotated[
        dict[str, Rule],
        Meta(description="For `embeddings`, `moderations`, `completions`, or `rerank`, which is off else."),
    ] = field(default_factory=dict)
    models: Annotated[
        dict[str, Rule],
        Meta(description="For a model as callers name it; `bge-*` stands for all that begin so."),
    ] = field(default_factory=dict)

    def check(self) -> Iterator[Finding]:
        yield from _order((), self.min_items, self.max_items)
        for name, rule in self.operations.items():
            if name not in OPERATIONS:
                yield ("operations", name), f'operations: unknown "{name[:64]}"{suggest(name, list(OPERATIONS))}'
            yield from self._order("operations", name, rule)
        yield from misplaced_stars(self.models)
        for name, rule in self.models.items():
            yield from self._order("models", name, rule)
        if len({step.above for step in self.wait_at_load}) < len(self.wait_at_load):
            yield ("wait_at_load",), "wait_at_load: two steps above the same load"

    def _order(self, section: str, name: str, rule: Rule) -> Iterator[Finding]:
        least = self.min_items if rule.min_items is None else rule.min_items
        yield from _order((section, name), least, self.max_items if rule.max_items is None else rule.max_items)

    def check_models(self, models: list[str]) -> Iterator[Finding]:
        """What is wrong beside those ``models``: a rule that no call can meet."""
        yield from unmet("batching", self.models, models)


def _order(place: tuple[str, ...], least: int, most: int) -> Iterator[Finding]:
    if least > most:
        yield (*place, "min_items"), f"min_items {least} is more than max_items {most}: no batch could have as many"
