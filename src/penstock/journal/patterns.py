"""The commonest patterns among asked prompts: templates with counts, and the prompts that stand for them. Pure.

Enters: what was asked, body by body. Leaves: Patterns, the commonest first. A template is a prompt whose numbers, ids,
addresses and quotes are slots; templates of one frame (the same operation, model, scope, system prompt, history, tools
and parameters) whose words are mostly the same are one pattern. May fail: not at all; what has no prompt is passed
over. Bounded: when ``MOST_TEMPLATES`` or ``MOST_BYTES`` are held, the rarer half is forgotten, and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import msgspec

from penstock.wire.asked import UNSHAPING
from penstock.wire.prompts import last_user_text

MOST_TEMPLATES = 20_000
MOST_BYTES = 64 * 1024 * 1024
MOST_PROMPTS = 8
"""Different prompts remembered of one template; of a ninth one only its count is."""
MOST_CHARACTERS = 2_000
"""Of a prompt, for its template."""
ALIKE = 0.6
"""The share of word pairs that two templates have in common, from which on they are one pattern."""
MOST_LEADERS = 2_000
"""Patterns of one frame that a template is compared with; the rest stay apart."""

_SLOTS = re.compile(
    r"(?P<url>https?://[^\s<>\"']{1,500})"
    r"|(?P<email>(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.[\w.]{2,64})"
    r"|(?P<quote>\"[^\"\n]{1,200}\"|“[^”\n]{1,200}”|«[^»\n]{1,200}»|`[^`\n]{1,200}`|(?<!\w)'[^'\n]{1,200}'(?!\w))"
    r"|(?P<date>(?<!\w)\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?|(?<!\w)\d{1,2}[./]\d{1,2}[./]\d{2,4}(?!\w))"
    r"|(?P<id>(?<![\w-])(?=[\w-]{0,64}[A-Za-z_])(?=[\w-]{0,64}\d)[\w-]{6,64}(?![\w-])|#\d{1,20}(?!\w))"
    r"|(?P<number>(?<!\w)[-+]?\d[\d.,:]{0,40}\d(?!\w)|(?<!\w)[-+]?\d{1,40}(?!\w))"
)
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder(order="deterministic").encode


class Pattern(msgspec.Struct, frozen=True):
    """``prompts``: whole bodies and how often each was asked, the commonest first."""

    template: str
    count: int
    operation: str
    model: str
    scope: str
    prompts: list[tuple[int, bytes]]


class _Template(msgspec.Struct):
    text: str
    frame: tuple[str, str, str, bytes]
    count: int = 0
    prompts: dict[bytes, list[Any]] = {}
    """By digest: a count and a body."""


def template_of(text: str) -> str:
    """``text`` with slots for what changes from call to call, in one spelling."""
    slotted = _SLOTS.sub(lambda match: "{" + str(match.lastgroup) + "}", text[:MOST_CHARACTERS])
    return " ".join(slotted.casefold().split()).strip(" .!?")


def shingles(template: str) -> frozenset[tuple[str, ...]]:
    """Its pairs of words; a template of one word has that word."""
    words = re.findall(r"\{\w+\}|\w+|[^\w\s]", template)
    return frozenset(pairwise(words)) or frozenset([tuple(words)])


class Patterns:
    """Gathers what was asked. ``dropped`` counts calls whose template was forgotten."""

    def __init__(self, most_templates: int = MOST_TEMPLATES, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_templates
        self._most_bytes = most_bytes
        self._templates: dict[bytes, _Template] = {}
        self._bytes = 0
        self.calls = 0
        self.dropped = 0

    def add(self, body: bytes, operation: str, model: str, scope: str) -> bool:
        """One more call. False for one that has no prompt."""
        text = last_user_text(body, operation)
        if not text.strip():
            return False
        try:
            fields = {name: value for name, value in _decode(body).items() if name not in UNSHAPING}
            canonical = _encode(fields)
        except (ValueError, RecursionError):
            return False
        before, _, after = canonical.rpartition(_encode(text))
        frame = (operation, model, scope, _short(before + b"\n" + after))
        template = template_of(text)
        name = _short(repr(frame).encode() + template.encode(errors="replace"))
        known = self._templates.get(name)
        if known is None:
            known = self._templates[name] = _Template(template, frame, prompts={})
            self._bytes += 200 + 2 * len(template)
        known.count += 1
        self.calls += 1
        self._remember(known, _short(canonical), canonical)
        if len(self._templates) > self._most or self._bytes > self._most_bytes:
            self._forget()
        return True

    def _remember(self, template: _Template, digest: bytes, body: bytes) -> None:
        seen = template.prompts.get(digest)
        if seen is not None:
            seen[0] += 1
        elif len(template.prompts) < MOST_PROMPTS:
            template.prompts[digest] = [1, body]
            self._bytes += 100 + len(body)

    def _forget(self) -> None:
        """Keep the commoner half, and of it one prompt each if it is still too large."""
        by_count = sorted(self._templates.items(), key=lambda item: -item[1].count)
        kept = by_count[: max(1, len(by_count) // 2)]
        self.dropped += sum(template.count for _, template in by_count[len(kept) :])
        self._templates = dict(kept)
        self._bytes = _size(self._templates.values())
        if self._bytes > self._most_bytes // 2:
            for template in self._templates.values():
                commonest = max(template.prompts.items(), key=lambda item: item[1][0])
                template.prompts = dict([commonest])
            self._bytes = _size(self._templates.values())

    def commonest(self, top: int) -> list[Pattern]:
        """The ``top`` patterns: templates of one frame that are alike count together, under the commonest's name."""
        groups: dict[tuple[str, str, str, bytes], list[_Template]] = {}
        for template in sorted(self._templates.values(), key=lambda one: (-one.count, one.text)):
            groups.setdefault(template.frame, []).append(template)
        found = [pattern for group in groups.values() for pattern in _joined(group)]
        found.sort(key=lambda pattern: (-pattern.count, pattern.template))
        return found[:top]

    def __repr__(self) -> str:
        return f"<Patterns {len(self._templates)} templates of {self.calls} calls, {self.dropped} forgotten>"


def _joined(group: Iterable[_Template]) -> list[Pattern]:
    """Each template joins the first commoner one that it is like, if there is one."""
    leaders: list[list[_Template]] = []
    sizes: list[int] = []
    where: dict[tuple[str, ...], list[int]] = {}
    for template in group:
        pairs = shingles(template.text)
        shared: Counter[int] = Counter()
        for pair in pairs:
            shared.update(where.get(pair, ()))
        alike = [number for number, both in shared.items() if both >= ALIKE * (sizes[number] + len(pairs) - both)]
        if alike:
            leaders[min(alike)].append(template)
            continue
        if len(leaders) < MOST_LEADERS:
            for pair in pairs:
                where.setdefault(pair, []).append(len(leaders))
        leaders.append([template])
        sizes.append(len(pairs))
    return [_pattern(templates) for templates in leaders]


def _pattern(templates: list[_Template]) -> Pattern:
    first = templates[0]
    prompts = [(count, body) for template in templates for count, body in template.prompts.values()]
    prompts.sort(key=lambda item: (-item[0], item[1]))
    operation, model, scope, _ = first.frame
    count = sum(template.count for template in templates)
    return Pattern(first.text, count, operation, model, scope, prompts[:MOST_PROMPTS])


def _size(templates: Iterable[_Template]) -> int:
    return sum(
        200 + 2 * len(template.text) + sum(100 + len(body) for _, body in template.prompts.values())
        for template in templates
    )


def _short(text: bytes) -> bytes:
    return blake2b(text, digest_size=12).digest()
