"""What is asked to warm a cache: the calls, their order and the budget. Pure.

Enters: lines of a file, or patterns of the journal. Leaves: Items that can be sent as they are. May fail: BadLine, for
a line that is no prompt; the caller knows its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from penstock.journal.patterns import Pattern
from penstock.wire.operations import OPERATIONS
from penstock.wire.prompts import last_user_text
from penstock.wire.usage import usage_of

TAG = "warmed"
"""In ``x-penstock-tags`` of each warming call: what is stored of it counts as confirmed, and the journal's patterns
leave it out."""
MOST_LINE_BYTES = 8 * 1024 * 1024
BYTES_PER_TOKEN = 4
USUAL_OUTPUT_TOKENS = 512
"""Of an answer that has no limit, until some have come."""
WARMED = ("chat", "completions", "responses", "messages", "embeddings")
PATHS = {operation.name: f"/v1{operation.path}" for operation in OPERATIONS if operation.name in WARMED}
_DELIVERY = ("stream", "stream_options")
_FORMS = ("prompt", "messages", "body")
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class BadLine(ValueError):
    """What is wrong with a line."""


class Item(msgspec.Struct, frozen=True):
    """One call to make. ``number`` counts from 1, as lines do; ``about`` tells people which it is."""

    number: int
    operation: str
    body: bytes
    about: str
    limit: int | None = None

    @property
    def path(self) -> str:
        """Where it is sent."""
        return PATHS[self.operation]

    @property
    def prompt_tokens(self) -> int:
        """About as many as its prompt has."""
        return len(self.body) // BYTES_PER_TOKEN + 1

    @property
    def digest(self) -> str:
        """The same for the same call."""
        return blake2b(self.operation.encode() + b"\n" + self.body, digest_size=12).hexdigest()


def item_of_line(line: bytes, number: int, model: str | None) -> Item:
    """The call that a line asks for: ``{"prompt": ...}``, ``{"messages": ...}`` (both at temperature 0 unless they say
    otherwise) or ``{"body": {...}}``, which is sent as it is. Raises BadLine."""
    if len(line) > MOST_LINE_BYTES:
        raise BadLine(f"is longer than {MOST_LINE_BYTES // (1024 * 1024)} MiB")
    try:
        given = _decode(line)
    except msgspec.ValidationError:
        raise BadLine("must be a JSON object") from None
    except UnicodeDecodeError as error:
        raise BadLine(f"is not UTF-8 (byte {error.start})") from None
    except (ValueError, RecursionError) as error:
        raise BadLine(f"is not JSON: {str(error).removeprefix('JSON is malformed: ')[:100]}") from None
    forms = [form for form in _FORMS if form in given]
    if len(forms) != 1:
        raise BadLine('must have one of "prompt", "messages" and "body"')
    operation = given.pop("operation", "chat")
    if not isinstance(operation, str) or operation not in PATHS:
        raise BadLine(f'"operation" must be one of {", ".join(PATHS)}')
    if forms[0] == "body":
        fields = given["body"]
        if not isinstance(fields, dict):
            raise BadLine('"body" must be an object')
        fields = dict(fields)
    else:
        fields = _of_prompt(given, operation)
    return _item(fields, number, operation, model)


def _of_prompt(given: dict[str, Any], operation: str) -> dict[str, Any]:
    prompt = given.pop("prompt", None)
    if "messages" in given:
        if operation not in ("chat", "messages"):
            raise BadLine(f'"messages" cannot be asked of {operation}')
        if not isinstance(given["messages"], list) or not given["messages"]:
            raise BadLine('"messages" must be a list of messages')
    elif not isinstance(prompt, str) or not prompt.strip():
        raise BadLine('"prompt" must be text')
    elif operation in ("chat", "messages"):
        given["messages"] = [{"role": "user", "content": prompt}]
    else:
        given["prompt" if operation == "completions" else "input"] = prompt
    if operation == "messages":
        given.setdefault("max_tokens", 1024)
    if operation != "embeddings":
        given.setdefault("temperature", 0)
    return given


def _item(fields: dict[str, Any], number: int, operation: str, model: str | None) -> Item:
    for name in _DELIVERY:
        fields.pop(name, None)
    if model is not None:
        fields.setdefault("model", model)
    if not isinstance(fields.get("model"), str) or not fields["model"]:
        raise BadLine('names no model: give "model", or --model for all lines')
    body = _encode(fields)
    limits = [fields.get(name) for name in ("max_completion_tokens", "max_tokens", "max_output_tokens")]
    limit = next((value for value in limits if isinstance(value, int) and value > 0), None)
    if operation == "embeddings":
        limit = 0
    return Item(number, operation, body, last_user_text(body, operation, 200), limit)


def items_of_patterns(patterns: list[Pattern], per_pattern: int) -> list[Item]:
    """The commonest prompts of each pattern, as they were asked."""
    found: list[Item] = []
    for pattern in patterns:
        for _, body in pattern.prompts[:per_pattern]:
            if pattern.operation in PATHS:
                item = _item(_decode(body), len(found) + 1, pattern.operation, pattern.model or None)
                found.append(item)
    return found


class Prices(msgspec.Struct, frozen=True):
    """Dollars for a million tokens, of prompts and of answers, by upstream."""

    by_upstream: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, upstreams: Mapping[str, Any]) -> Prices:
        """Those of a configuration's ``upstreams``."""
        found = {}
        for name, upstream in upstreams.items():
            price = upstream.get("price") or {}
            found[name] = (float(price.get("input") or 0), float(price.get("output") or 0))
        return cls(found)

    @property
    def dearest(self) -> tuple[float, float]:
        """For a call whose upstream is not known yet."""
        both = [*self.by_upstream.values(), (0.0, 0.0)]
        return max(price for price, _ in both), max(price for _, price in both)

    def dollars(self, upstream: str, prompt: int, completion: int) -> float:
        """What a call cost. An upstream without a price here is taken for the dearest."""
        into, out = self.by_upstream.get(upstream.partition("@")[0], self.dearest)
        return (prompt * into + completion * out) / 1e6


class Budget:
    """What may still be spent, in tokens and dollars; None is no bound. A call is reserved at what it may cost at most,
    as far as that can be told, and settled at what it did."""

    def __init__(self, tokens: int | None, dollars: float | None, prices: Prices) -> None:
        self._most_tokens = tokens
        self._most_dollars = dollars
        self._prices = prices
        self._answers = 0
        self._answered = 0
        self.tokens = 0
        self.dollars = 0.0
        self._reserved_tokens = 0
        self._reserved_dollars = 0.0

    def reserve(self, item: Item) -> tuple[int, float] | None:
        """Take what ``item`` may cost; None when that would pass the bound."""
        output = item.limit
        if output is None:
            output = self._answered // self._answers if self._answers else USUAL_OUTPUT_TOKENS
        tokens = item.prompt_tokens + output
        into, out = self._prices.dearest
        dollars = (item.prompt_tokens * into + output * out) / 1e6
        if self._most_tokens is not None and self.tokens + self._reserved_tokens + tokens > self._most_tokens:
            return None
        if self._most_dollars is not None and self.dollars + self._reserved_dollars + dollars > self._most_dollars:
            return None
        self._reserved_tokens += tokens
        self._reserved_dollars += dollars
        return tokens, dollars

    @property
    def outstanding(self) -> bool:
        """Whether something reserved is not settled yet."""
        return self._reserved_tokens > 0

    def settle(self, reserved: tuple[int, float], answer: bytes | None, upstream: str) -> None:
        """The call has ended: with an ``answer`` that tells what it used, or without one. An answer that does not tell
        counts as what was reserved."""
        self._reserved_tokens -= reserved[0]
        self._reserved_dollars -= reserved[1]
        if answer is None:
            return
        usage = usage_of(answer)
        if usage is None:
            self.tokens += reserved[0]
            self.dollars += reserved[1]
            return
        self.tokens += usage.total_tokens
        self.dollars += self._prices.dollars(upstream, usage.prompt_tokens, usage.completion_tokens)
        self._answers += 1
        self._answered += usage.completion_tokens

    def __repr__(self) -> str:
        return f"<Budget {self.tokens} tokens, ${self.dollars:.4f} spent>"
