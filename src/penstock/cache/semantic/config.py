"""The ``cache.semantic`` section: for which models answers to similar questions are told, and how wrong they may be."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from penstock.core.patterns import fits
from penstock.core.scalars import suggest
from penstock.core.settings import Finding
from penstock.core.units import Bytes, Seconds

EMBEDDERS = ("minilm", "static")
UPSTREAM = "upstream:"


class WeightsConfig(Struct, frozen=True, kw_only=True):
    """Of several answers that may be told, the one with the most of these together."""

    similarity: Annotated[float, Meta(ge=0, le=1, description="How near its question is.")] = 0.6
    freshness: Annotated[float, Meta(ge=0, le=1, description="How young it is, beside its TTL.")] = 0.25
    popularity: Annotated[float, Meta(ge=0, le=1, description="How often it was told.")] = 0.15


class RulesConfig(Struct, frozen=True, kw_only=True):
    """Questions that are only answered by answers to equal ones. ``x-penstock-cache`` apart, these are all the rules
    about texts; what differs between two questions is weighed elsewhere."""

    freshness: Annotated[
        bool, Meta(description="Not: what asks for the state of things now (today, latest, price of, weather, my …).")
    ] = True
    actions: Annotated[bool, Meta(description="Not: what asks to do something (send, book, delete, cancel …).")] = True
    languages: Annotated[bool, Meta(description="Not: languages and scripts that the embedder was not made for.")] = (
        True
    )
    words: Annotated[
        list[str], Meta(max_length=1000, description="Further words and phrases with which a question is not matched.")
    ] = field(default_factory=list)


class JudgeConfig(Struct, frozen=True, kw_only=True):
    """A cheap model that says whether two answers say the same, where their texts alone do not tell."""

    model: Annotated[str, Meta(min_length=1, description="One of `models`; it answers chat completions.")]
    max_per_minute: Annotated[
        int, Meta(ge=1, le=100_000, description="Questions to it at most, per worker; half of them for shadow checks.")
    ] = 30
    timeout: Annotated[Seconds, Meta(gt=0, le=600, description="Its answer is waited for so long.")] = 30.0


class SemanticConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[
        bool, Meta(description="Whether questions are answered by answers to others that ask the same.")
    ] = False
    models: Annotated[
        list[str], Meta(description="Only for these of `models`, by their names there; none named: for all.")
    ] = field(default_factory=list)
    max_error: Annotated[
        float,
        Meta(gt=0, le=0.5, description="Wrong answers a request, at most: hits end when more are found."),
    ] = 0.01
    max_wrong_hits: Annotated[
        float | None, Meta(gt=0, le=0.5, description="Wrong answers a hit, at most; unset: not bounded by itself.")
    ] = None
    alpha: Annotated[
        float, Meta(gt=0, le=0.5, description="How improbable it must be that hits end although the bound is kept.")
    ] = 0.05
    embedder: Annotated[
        str,
        Meta(
            description="`minilm` (about 1 ms, better), `static` (0.03 ms), or `upstream:MODEL`, one of `models` that"
            " offers embeddings."
        ),
    ] = "minilm"
    dimensions: Annotated[
        int | None, Meta(ge=8, le=8192, description="Of an `upstream:` embedder: how many numbers its vectors have.")
    ] = None
    window: Annotated[
        int, Meta(ge=16, le=8192, description="Of an `upstream:` embedder: tokens that it reads of a text.")
    ] = 512
    candidates: Annotated[int, Meta(ge=1, le=8, description="Nearest questions that are looked at.")] = 8
    weights: Annotated[WeightsConfig, Meta(description="How one of several good answers is chosen.")] = WeightsConfig()
    shadow: Annotated[
        float,
        Meta(
            ge=0.01,
            le=1,
            description="About this share of hits is checked against the upstream: at least half of it of the safest,"
            " more of others.",
        ),
    ] = 0.05
    checks: Annotated[
        int, Meta(ge=1, le=1000, description="Shadow checks at once; beyond, the caller waits for the upstream itself.")
    ] = 8
    temperature: Annotated[
        float, Meta(ge=0, le=100, description="Calls that ask for a higher one are not matched.")
    ] = 1.0
    unset_temperature: Annotated[bool, Meta(description="Whether calls that give no temperature are matched.")] = True
    tools: Annotated[
        bool, Meta(description="Whether calls with tools that the caller runs are matched (answered by text only).")
    ] = False
    rules: Annotated[RulesConfig, Meta(description="What is never matched, by its text.")] = RulesConfig()
    judge: Annotated[JudgeConfig | None, Meta(description="Who compares answers that differ in their words.")] = None
    patience: Annotated[Seconds, Meta(gt=0, le=10, description="A vector is waited for so long; later is a miss.")] = (
        0.025
    )
    max_answer: Annotated[
        Bytes, Meta(ge=256, le=1024 * 1024, description="A longer answer is not told for other questions.")
    ] = 64 * 1024
    memory: Annotated[Bytes, Meta(ge=1024 * 1024, description="Vectors and questions held, per worker.")] = (
        256 * 1024 * 1024
    )
    entries: Annotated[int, Meta(ge=1, le=1_000_000, description="Questions held, per worker.")] = 100_000
    partitions: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Partitions held, per worker; the least used are read again on need.")
    ] = 10_000
    feedback_per_minute: Annotated[
        int, Meta(ge=0, le=100_000, description="`POST /v1/feedback` a key, at most; 0 for none at all.")
    ] = 60

    def check(self) -> Iterator[Finding]:
        if self.embedder not in EMBEDDERS and not self.embedder.removeprefix(UPSTREAM).strip():
            yield ("embedder",), "embedder: name the model behind upstream:"
        elif self.embedder not in EMBEDDERS and not self.embedder.startswith(UPSTREAM):
            hint = suggest(self.embedder, list(EMBEDDERS))
            yield ("embedder",), f"embedder must be minilm, static or upstream:MODEL{hint}"
        elif self.embedder.startswith(UPSTREAM) and self.dimensions is None:
            yield ("embedder",), "dimensions has to say how many numbers the upstream's vectors have"
        total = self.weights.similarity + self.weights.freshness + self.weights.popularity
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            yield ("weights",), f"cache.semantic.weights must add up to 1; they make {total:g}"
        for position, word in enumerate(self.rules.words):
            if not (word.strip() and len(word) <= 64 and word.isprintable()):
                yield ("rules", "words", position), "a word must be printable, with 1 to 64 characters"

    def check_models(self, models: list[str]) -> Iterator[Finding]:
        """What is wrong beside those ``models``; the places are those of the whole file."""
        named = [(("models", position), name) for position, name in enumerate(self.models)]
        if self.judge is not None:
            named.append((("judge", "model"), self.judge.model))  # type: ignore[arg-type]
        if self.embedder.startswith(UPSTREAM):
            named.append((("embedder",), self.embedder.removeprefix(UPSTREAM)))  # type: ignore[arg-type]
        for place, name in named:
            if not any(fits(model, name) for model in models):
                dotted = ".".join(str(part) for part in place if isinstance(part, str))
                message = f'cache.semantic.{dotted}: unknown model "{name[:64]}"{suggest(name, models)}'
                yield ("cache", "semantic", *place), message
