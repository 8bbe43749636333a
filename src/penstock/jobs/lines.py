"""The lines of a job: one call each, checked before any is asked. Pure.

Enters: bytes of a JSONL file. Leaves: a Line, or the Problem with it, told as OpenAI tells it (code, line, message).
May fail: Problem only, for any bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from penstock.core.call import Operation
from penstock.core.errors import CallerError
from penstock.wire.json import peek
from penstock.wire.operations import ROUTES

LONGEST_ID = 256
MOST_PROBLEMS = 100
"""Told of one job; a file that is wrong throughout says nothing more by its 101st."""
PLACE = "/v1"
BATCHED = ("chat", "completions", "embeddings", "responses", "moderations", "rerank", "messages")
"""The operations that a job may ask, by name."""


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with a job; ``line`` None for the whole file."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


class _Asked(msgspec.Struct, gc=False):
    custom_id: Any = None
    method: Any = None
    url: Any = None
    body: msgspec.Raw = msgspec.Raw(b"")


class Line(msgspec.Struct, frozen=True):
    """One call: ``number`` counts from 1 in its file, ``model`` is the one asked for ("" where none is needed)."""

    number: int
    custom_id: str
    operation: Operation
    body: bytes
    model: str


class WrongLine(ValueError):
    """See ``problem``."""

    def __init__(self, code: str, message: str, number: int, param: str | None = None) -> None:
        super().__init__(message)
        self.problem = Problem(code, message, number, param)


_decode = msgspec.json.Decoder(_Asked).decode


def operation_at(url: str) -> Operation | None:
    """What may be asked at ``url`` in a job; None where nothing may be."""
    found = ROUTES.get(url) if url.startswith(f"{PLACE}/") else None
    if found is None or found.name not in BATCHED or url != PLACE + found.path:
        return None
    return found


def read_line(raw: bytes, number: int, endpoint: str) -> Line:
    """The call in ``raw``, a line of a job for ``endpoint``. Raises WrongLine."""
    try:
        if not raw.isascii():
            raw.decode()
        asked = _decode(raw)
    except UnicodeDecodeError as error:
        raise WrongLine("invalid_json_line", f"the line is not UTF-8 (byte {error.start})", number) from None
    except msgspec.ValidationError:
        raise WrongLine("invalid_json_line", "the line is not a JSON object", number) from None
    except (ValueError, RecursionError):
        raise WrongLine("invalid_json_line", "the line is not valid JSON", number) from None
    name = asked.custom_id
    if not isinstance(name, str) or not name:
        raise WrongLine("missing_required_parameter", "custom_id is missing or no text", number, "custom_id")
    if len(name) > LONGEST_ID:
        raise WrongLine("invalid_custom_id", f"custom_id is over {LONGEST_ID} characters", number, "custom_id")
    if asked.method != "POST":
        raise WrongLine("invalid_method", "method must be POST", number, "method")
    operation = operation_at(endpoint)
    if asked.url != endpoint or operation is None:
        raise WrongLine("mismatched_url", f"url must be the job's endpoint, {endpoint}", number, "url")
    body = bytes(asked.body)
    try:
        seen = peek(body, needs_model=operation.needs_model)
    except CallerError as error:
        param = f"body.{error.param}" if error.param else "body"
        raise WrongLine("invalid_request", f"body: {error.message}", number, param) from None
    if seen.stream:
        raise WrongLine("invalid_request", "body.stream: an answer in a job is no stream", number, "body.stream")
    return Line(number, name, operation, body, seen.model or "")


class Checking:
    """A file while it is checked, line by line. ``knows``: whether callers may ask for a model."""

    def __init__(self, endpoint: str, most_lines: int, longest: int, knows: Callable[[str], bool]) -> None:
        self._endpoint = endpoint
        self._most = most_lines
        self._longest = longest
        self._knows = knows
        self._seen: dict[str, int] = {}
        self.models: dict[str, int] = {}
        self.problems: list[Problem] = []
        self.total = 0

    def take(self, raw: bytes, number: int) -> None:
        """The next line that is not blank."""
        if self.full:
            return
        self.total += 1
        if self.total > self._most:
            message = f"the file has more than {self._most} lines (jobs.max_lines)"
            self.problems.append(Problem("too_many_tasks", message, number))
            return
        try:
            self._check(raw, number)
        except WrongLine as wrong:
            self.problems.append(wrong.problem)

    def _check(self, raw: bytes, number: int) -> None:
        if len(raw) > self._longest:
            raise WrongLine("line_too_long", f"the line is over {self._longest} bytes (jobs.max_line)", number)
        line = read_line(raw, number, self._endpoint)
        first = self._seen.setdefault(line.custom_id, number)
        if first != number:
            raise WrongLine("duplicate_custom_id", f"line {first} has the same custom_id", number, "custom_id")
        if line.model and line.model not in self.models and not self._knows(line.model):
            shown = line.model[:100]
            raise WrongLine("model_not_found", f"the model '{shown}' does not exist here", number, "body.model")
        if line.model:
            self.models[line.model] = self.models.get(line.model, 0) + 1

    def end(self) -> None:
        """The file is over."""
        if not self.total and not self.problems:
            self.problems.append(Problem("empty_file", "the file has no lines"))

    @property
    def full(self) -> bool:
        """Whether enough is known: the rest need not be read."""
        return self.total > self._most or len(self.problems) >= MOST_PROBLEMS

    def __repr__(self) -> str:
        return f"<Checking {self.total} lines, {len(self.problems)} problems>"
