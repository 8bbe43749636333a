"""The ``cache`` section: which answers are kept, for whom, how long, and how they are told again."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from penstock.cache.semantic.config import SemanticConfig
from penstock.core.scalars import suggest
from penstock.core.settings import Finding
from penstock.core.shapes import Secret
from penstock.core.units import Bytes, Seconds

LEAST_SECRET = 16


class ExactConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[bool, Meta(description="Whether equal calls are answered from the cache.")] = True
    ttl: Annotated[
        Seconds,
        Meta(gt=0, le=366 * 86400, description="How long an answer is kept; reading it does not prolong that."),
    ] = 3600.0


class ClassConfig(Struct, frozen=True, kw_only=True):
    store: Annotated[
        bool, Meta(description="False: answers to calls of this class are neither kept nor looked up.")
    ] = True
    ttl: Annotated[
        Seconds | None,
        Meta(gt=0, le=366 * 86400, description="How long they are kept, if that is shorter than it would be."),
    ] = None


class ModelCacheConfig(Struct, frozen=True, kw_only=True):
    """What one model does otherwise."""

    enabled: Annotated[bool | None, Meta(description="Whether its answers are cached.")] = None
    ttl: Annotated[Seconds | None, Meta(gt=0, le=366 * 86400, description="Instead of `cache.exact.ttl`.")] = None
    temperature: Annotated[float | None, Meta(ge=0, le=100, description="Instead of `cache.temperature`.")] = None
    unset_temperature: Annotated[bool | None, Meta(description="Instead of `cache.unset_temperature`.")] = None
    tools: Annotated[bool | None, Meta(description="Instead of `cache.tools`.")] = None
    images: Annotated[bool | None, Meta(description="Instead of `cache.images`.")] = None


class InvalidationConfig(Struct, frozen=True, kw_only=True):
    """Rules for entries older than ``max_age``, in this order; the TTL ends all, whatever they say."""

    max_age: Annotated[Seconds, Meta(ge=0, description="Entries older than this are looked at.")] = 86400.0
    popular: Annotated[int, Meta(ge=0, description="Kept: read more often than this, and lately.")] = 100
    popular_within: Annotated[Seconds, Meta(ge=0, description="What is lately for that.")] = 86400.0
    confident: Annotated[
        float, Meta(ge=0, le=1, description="Kept: more probably right than this, and not too old.")
    ] = 0.9
    confident_for: Annotated[Seconds, Meta(ge=0, description="What is too old for that.")] = 72 * 3600.0
    unread: Annotated[
        Seconds, Meta(ge=0, description="Dropped: not read for this long; one never read counts from its creation.")
    ] = 168 * 3600.0
    oldest: Annotated[Seconds, Meta(ge=0, description="Dropped: older than this.")] = 720 * 3600.0


class CacheConfig(Struct, frozen=True, kw_only=True):
    exact: Annotated[ExactConfig, Meta(description="Answers to equal calls.")] = ExactConfig()
    semantic: Annotated[SemanticConfig, Meta(description="Answers to similar questions.")] = SemanticConfig()
    scope: Annotated[
        Literal["key", "all"],
        Meta(
            description="Who shares answers: one key alone, or `all`. With `all`, how long an answer takes tells"
            " whether somebody else has asked the same."
        ),
    ] = "key"
    secret: Annotated[
        Secret | None,
        Meta(description="What makes digests of questions unguessable. Unset: one that is made and kept in the store."),
    ] = None
    encryption_key: Annotated[
        Secret | None,
        Meta(description="Answers are encrypted in the store with this (AES-GCM; extra `encryption`); see the how-to."),
    ] = None
    memory: Annotated[Bytes, Meta(ge=1024 * 1024, description="Answers held in memory, per worker.")] = (
        256 * 1024 * 1024
    )
    total: Annotated[Bytes, Meta(ge=1024 * 1024, description="Answers held in the store.")] = 1024 * 1024 * 1024
    entries: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Entries at most; the least worth by bytes, use and cost go.")
    ] = 100_000
    max_answer: Annotated[Bytes, Meta(ge=1024, description="A longer answer is not kept.")] = 1024 * 1024
    temperature: Annotated[float, Meta(ge=0, le=100, description="Calls that ask for a higher one are not cached.")] = (
        0.0
    )
    unset_temperature: Annotated[
        bool, Meta(description="Whether calls that give no temperature are cached; models seldom take 0 then.")
    ] = False
    tools: Annotated[bool, Meta(description="Whether calls with tools that the caller runs are cached.")] = True
    images: Annotated[bool, Meta(description="Whether calls with images, sound or files are cached.")] = True
    models: Annotated[
        dict[str, ModelCacheConfig], Meta(description="Other rules for some of `models`, by their names there.")
    ] = field(default_factory=dict)
    classifications: Annotated[
        dict[str, ClassConfig],
        Meta(
            description="Classes that a caller may put its call in (`x-penstock-classification`); one that is not named"
            " here is refused."
        ),
    ] = field(default_factory=lambda: {
        "public": ClassConfig(), "internal": ClassConfig(),
        "confidential": ClassConfig(store=False), "no-store": ClassConfig(store=False),
    })  # fmt: skip
    replay: Annotated[
        Literal["at_once", "paced", "original"],
        Meta(description="How a kept answer is streamed: at once, `pace` events a second, or with the gaps it had."),
    ] = "at_once"
    pace: Annotated[float, Meta(gt=0, le=100_000, description="Events a second of a paced replay.")] = 100.0
    writers: Annotated[
        list[str], Meta(description="Keys (their ids) whose answers are kept; none named: all keys.")
    ] = field(default_factory=list)
    confirm: Annotated[
        bool,
        Meta(
            description="With scope `all`: an answer made by one key is told to others only after it was given"
            " equally to a second one."
        ),
    ] = False
    ignore_headers: Annotated[
        list[str],
        Meta(description="Further request fields that do not shape an answer; all others that reach upstreams count."),
    ] = field(default_factory=list)
    warming: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="So many of the commonest prompts of the journal (`journal.prompts`) are asked again after each"
            " start, where no answer to them is kept. They are paid for.",
        ),
    ] = 0
    invalidation: Annotated[InvalidationConfig, Meta(description="What becomes of old entries.")] = InvalidationConfig()

    def check(self) -> Iterator[Finding]:
        if self.confirm and self.scope == "key":
            yield ("confirm",), "confirm has a meaning with scope all only: else a key's answers are its own"
        for name in ("secret", "encryption_key"):
            if len(getattr(self, name) or "x" * LEAST_SECRET) < LEAST_SECRET:
                yield (
                    (name,),
                    f"{name} must have at least {LEAST_SECRET} characters, such as of: openssl rand -hex 32",
                )
        if self.encryption_key is not None and importlib.util.find_spec("cryptography") is None:
            yield ("encryption_key",), "encryption_key needs the extra encryption: pip install 'penstock[encryption]'"
        if self.max_answer > self.memory:
            yield ("max_answer",), "max_answer is more than memory holds"
        for name in self.classifications:
            if not (name.isascii() and name.isprintable() and 0 < len(name) <= 64 and " " not in name):
                yield ("classifications", name), f"the class {name[:64]!r} must be printable ASCII without spaces"
        for position, name in enumerate(self.ignore_headers):
            if name != name.lower() or name.startswith("x-penstock-"):
                yield (
                    ("ignore_headers", position),
                    f"ignore_headers: {name[:64]!r} must be a lower-case field name of the caller's",
                )

    def check_models(self, models: list[str]) -> Iterator[Finding]:
        """What is wrong beside those ``models``."""
        for name in self.models:
            if name not in models:
                yield ("cache", "models", name), f'cache.models: unknown model "{name[:64]}"{suggest(name, models)}'
        yield from self.semantic.check_models(models)
