"""Which calls may be answered from the cache, and what a caller's head says about it. Pure.

Enters: the configuration, a call's head, its question. Leaves: a Plan for each head and Terms for each model.
May fail: CallerError for a field of ours that says nothing known.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from penstock.cache.config import CacheConfig, ModelCacheConfig
from penstock.core.call import Call, Headers
from penstock.core.errors import CallerError
from penstock.wire.asked import DETERMINISTIC, Asked
from penstock.wire.headers import forwardable
from penstock.wire.shaping import UNSHAPING_FIELDS, UNSHAPING_STARTS

CACHED = frozenset({"chat", "completions", "messages", "responses"}) | DETERMINISTIC
"""Operations whose answers can be kept."""
MODES: Final[tuple[str, ...]] = ("bypass", "refresh", "only")
MOST_TAGS: Final = 16
MOST_TAG_CHARACTERS: Final = 64
MOST_MODELS: Final = 1024
"""Whose terms are remembered: callers make names up where a pattern serves them."""
_TAG: Final = re.compile(rb"[\x21-\x2b\x2d-\x7e]{1,64}")

Bind = Callable[[str], tuple[str, bytes] | None]
"""For a model's name: the configured entry that serves it, and what of its configuration shapes answers. None: no entry
does."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a head says. ``bound`` goes into the digest; ``ttl`` bounds that of the model. ``allowed``: its class may
    be cached at all. ``prefixes``: what the digests of its calls begin with, by secret, key and model's terms."""

    mode: str
    classification: str
    tags: tuple[str, ...]
    allowed: bool
    ttl: float
    bound: bytes
    prefixes: dict[tuple[bytes, str, bytes], bytes] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Terms:
    """What one model's answers are cached by. ``pattern`` is its configured entry."""

    pattern: str
    bound: bytes
    enabled: bool
    ttl: float
    temperature: float
    unset_temperature: bool
    tools: bool
    images: bool

    def takes(self, call: Call) -> bool:
        """Whether the call may be cached as far as its peeked fields tell: most that may not are told apart here."""
        if not self.enabled:
            return False
        heat = call.temperature
        if heat is None:
            return self.unset_temperature or call.operation.name in DETERMINISTIC
        return heat <= self.temperature

    def takes_asked(self, asked: Asked) -> bool:
        """Whether it may be, now that all of it is known."""
        return not (asked.effects or (asked.tools and not self.tools) or (not self.images and asked.images))


class Policy:
    """The rules of one configuration."""

    def __init__(self, config: CacheConfig, bind: Bind) -> None:
        self._config = config
        self._bind = bind
        self._ignored = UNSHAPING_FIELDS | {name.encode() for name in config.ignore_headers}
        self._terms: dict[str, Terms | None] = {}

    def terms(self, model: str) -> Terms | None:
        """The terms of ``model``; None where no configured entry serves it."""
        try:
            return self._terms[model]
        except KeyError:
            pass
        if len(self._terms) >= MOST_MODELS:
            self._terms.clear()
        terms = self._terms[model] = self._made(model)
        return terms

    def _made(self, model: str) -> Terms | None:
        bound = self._bind(model)
        if bound is None:
            return None
        pattern, shape = bound
        config = self._config
        own = config.models.get(pattern) or ModelCacheConfig()

        def of(name: str, common: object) -> object:
            value = getattr(own, name)
            return common if value is None else value

        return Terms(
            pattern,
            shape,
            enabled=bool(of("enabled", config.exact.enabled)),
            ttl=float(of("ttl", config.exact.ttl)),  # type: ignore[arg-type]
            temperature=float(of("temperature", config.temperature)),  # type: ignore[arg-type]
            unset_temperature=bool(of("unset_temperature", config.unset_temperature)),
            tools=bool(of("tools", config.tools)),
            images=bool(of("images", config.images)),
        )

    def plan(self, call: Call) -> Plan:
        """What the head of ``call`` says. Raises CallerError."""
        mode = _word(call, b"x-penstock-cache")
        if mode and mode not in MODES:
            raise CallerError(
                f"x-penstock-cache must be one of {', '.join(MODES)}", code="bad_header", param="x-penstock-cache"
            )
        classification = _word(call, b"x-penstock-classification")
        known = self._config.classifications.get(classification)
        if classification and known is None:
            there = ", ".join(sorted(self._config.classifications)) or "none"
            raise CallerError(
                f"x-penstock-classification names a class that is not configured; those that are: {there}",
                code="bad_header", param="x-penstock-classification",
            )  # fmt: skip
        ttl = float("inf") if known is None or known.ttl is None else known.ttl
        allowed = known is None or known.store
        return Plan(mode, classification, tags_of(call), allowed, ttl, self._bound(call, classification))

    def _bound(self, call: Call, classification: str) -> bytes:
        """All of a head that may shape the answer."""
        fields: Headers = []
        ignored = self._ignored
        for name, value in call.headers:
            if name not in ignored and not name.startswith(UNSHAPING_STARTS):
                fields.append((name, value))
        return b"%b\n%b\n%b" % (classification.encode(), call.query, forwardable(sorted(fields)))


def tags_of(call: Call) -> tuple[str, ...]:
    """The tags that a caller puts on the answer. Raises CallerError."""
    given = [value for name, value in call.headers if name == b"x-penstock-tags"]
    if not given:
        return ()
    found = sorted({part.strip(b" \t") for value in given for part in value.split(b",")} - {b""})
    if len(found) > MOST_TAGS or not all(map(_TAG.fullmatch, found)):
        raise CallerError(
            f"x-penstock-tags takes up to {MOST_TAGS} tags of printable ASCII without spaces,"
            f" each up to {MOST_TAG_CHARACTERS} characters, with commas between them",
            code="bad_header", param="x-penstock-tags",
        )  # fmt: skip
    return tuple(tag.decode() for tag in found)


def _word(call: Call, name: bytes) -> str:
    """The one value of a field of ours; "" without it. Raises CallerError when it is given twice: which one counts?"""
    values = {value.strip().lower() for key, value in call.headers if key == name}
    if len(values) > 1:
        shown = name.decode()
        raise CallerError(f"{shown} is given twice, with two values", code="bad_header", param=shown)
    return values.pop().decode("latin-1") if values else ""
