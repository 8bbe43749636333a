"""The ``journal`` section: one row a call, kept in the store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from penstock.core.settings import Finding
from penstock.core.units import Bytes, Seconds
from penstock.journal.redaction import Redaction

LEAST_KEPT = 60.0


class JournalConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[
        bool, Meta(description="Write a row for every call that showed a key: times, tokens, upstream, outcome.")
    ] = True
    keep: Annotated[int, Meta(ge=100, le=10_000_000, description="Rows kept; the oldest go.")] = 100_000
    keep_for: Annotated[
        Seconds,
        Meta(
            le=3650 * 86_400,
            description="For how long rows are kept; 0: until there are more than `keep`. Older ones are not told, and"
            " are deleted within a minute.",
        ),
    ] = 0.0
    prompts: Annotated[
        bool,
        Meta(description="Also keep what was asked and answered well, for `penstock warm --from-journal`."),
    ] = False
    prompt_bytes: Annotated[
        Bytes, Meta(ge=256, le=1024 * 1024, description="The largest body kept of one call; of a larger one, none is.")
    ] = 16 * 1024
    classifications: Annotated[
        list[str],
        Meta(
            max_length=64,
            description="What `x-penstock-classification` may say for a body to be kept; calls that say nothing count"
            " as allowed, those that say anything else are not kept.",
        ),
    ] = field(default_factory=lambda: ["public", "internal"])
    redact: Annotated[
        list[str],
        Meta(
            max_length=64,
            description="What is taken out of bodies before they are kept: `email`, `phone`, `card`, `iban`, `secret`,"
            " or regular expressions.",
        ),
    ] = field(default_factory=list)

    def check(self) -> Iterator[Finding]:
        if self.keep_for and self.keep_for < LEAST_KEPT:
            yield ("keep_for",), "keep_for is 0, or a minute at least"
        for place, pattern in enumerate(self.redact):
            try:
                Redaction([pattern])
            except ValueError as error:
                yield ("redact", place), str(error)
