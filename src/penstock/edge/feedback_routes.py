"""``POST /v1/feedback``: a caller says what it thought of an answer.

Enters: ``{"request_id", "score": 0 to 1, "label"?, "comment"?}``; in place of a score ``"rating"`` (up, down, good,
bad, right, wrong) or ``"wrong": true``. What is called right or wrong corrects the semantic cache, too, which also
takes ``"entry"`` for an answer of its own. Leaves: what came of it. May fail: CallerError for a body that does not say
that, 404 for a call that this key did not make (or that is forgotten).
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from penstock.core.errors import CallerError, Fail, GatewayError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.edge.fleet import Fleet
from penstock.edge.generation import LocalRoute

PATH = "/v1/feedback"
MOST_BYTES = 4096
MOST_COMMENT_CHARACTERS = 500
MOST_ID_CHARACTERS = 256
RATINGS = {"up": 1.0, "good": 1.0, "right": 1.0, "down": 0.0, "bad": 0.0, "wrong": 0.0}
CORRECTING = {"good": True, "right": True, "bad": False, "wrong": False}
"""Ratings that say whether the answer was right, and not only whether it pleased."""
_KNOWN = {"request", "request_id", "entry", "entry_id", "score", "rating", "wrong", "label", "comment"}
_LABEL = re.compile(r"\w[\w .:/-]{0,63}")

Correct = Callable[[Exchange, dict[str, Any]], Awaitable[dict[str, Any] | None]]
"""Corrects the semantic cache; None where that is off. Raises CallerError where it knows no such answer."""


class Said(NamedTuple):
    """What a body says. ``right``: whether the answer was, None where that is not said."""

    request: str
    entry: str
    score: float
    right: bool | None
    label: str
    comment: str


class FeedbackRoutes:
    """See the module."""

    def __init__(self, fleet: Fleet, correct: Correct | None) -> None:
        self._fleet = fleet
        self._correct = correct

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        return {PATH: LocalRoute(self.take, "call", ("POST",))}

    async def take(self, exchange: Exchange) -> Reply:
        """Note what is said."""
        said = read(await exchange.body.read(MOST_BYTES))
        corrected, unknown = await self._corrected(exchange, said)
        if not said.request:
            if corrected is None:
                raise unknown or _no_entry()
            return _told(corrected)
        question = {
            "request": said.request, "key": exchange.key, "score": said.score, "label": said.label,
            "comment": said.comment,
        }  # fmt: skip
        answer = await self._fleet.leader("feedback", {"said": question})
        if "problems" in answer and (corrected is None or answer.get("status") != 404):
            message, status = "; ".join(answer["problems"]), int(answer.get("status", 400))
            if status >= 500:
                raise GatewayError(message, code=answer.get("code", "gateway_overloaded"), retry_after=1)
            raise CallerError(message, status=status, code=answer.get("code", "bad_feedback"))
        told = {} if "problems" in answer else answer
        return _told({**told, **(corrected or {})})

    async def _corrected(self, exchange: Exchange, said: Said) -> tuple[dict[str, Any] | None, Fail | None]:
        """What came of it in the cache, or why nothing did."""
        if said.right is None or self._correct is None:
            return None, None
        rating = {"rating": "right" if said.right else "wrong"}
        which = {"entry": said.entry} if said.entry else {"request": said.request}
        try:
            return await self._correct(exchange, which | rating), None
        except CallerError as fail:
            if fail.status != 404:
                raise
            return None, fail


def read(body: bytes) -> Said:
    """What ``body`` says. Raises CallerError."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise _wrong("feedback is a JSON object")
    unknown = sorted(str(name) for name in said.keys() - _KNOWN)
    if unknown:
        raise _wrong(f"unknown field {unknown[0][:64]!r} in the feedback; there are {', '.join(sorted(_KNOWN))}")
    request = _text(said, "request_id" if "request_id" in said else "request", MOST_ID_CHARACTERS)
    entry = _text(said, "entry_id" if "entry_id" in said else "entry", MOST_ID_CHARACTERS)
    if not request and not entry:
        raise _wrong("say which answer: request_id (its x-request-id), or entry (its x-penstock-cache-entry)",
                     "request_id")  # fmt: skip
    label = _text(said, "label", 64)
    if label and not _LABEL.fullmatch(label):
        raise _wrong("a label is up to 64 letters, digits, spaces and .:/-_", "label")
    score, right = _score(said)
    if entry and right is None:
        raise _wrong('of an entry say "wrong": true, or "rating": "wrong" or "right"', "wrong")
    return Said(request, entry, score, right, label, _text(said, "comment", MOST_COMMENT_CHARACTERS))


def _score(said: dict[str, Any]) -> tuple[float, bool | None]:
    score, rating, wrong = said.get("score"), said.get("rating"), said.get("wrong")
    if rating is not None and wrong is not None:
        raise _wrong("say rating or wrong, not both", "rating")
    right: bool | None = None
    implied: float | None = None
    if wrong is not None:
        if not isinstance(wrong, bool):
            raise _wrong("wrong is true or false", "wrong")
        right, implied = not wrong, 0.0 if wrong else 1.0
    elif rating is not None:
        if not isinstance(rating, str) or rating not in RATINGS:
            raise _wrong(f"rating is one of {', '.join(RATINGS)}", "rating")
        right, implied = CORRECTING.get(rating), RATINGS[rating]
    if score is None:
        if implied is None:
            raise _wrong("say score: a number from 0 (bad) to 1 (good), or a rating", "score")
        return implied, right
    if isinstance(score, bool) or not isinstance(score, int | float) or not (math.isfinite(score) and 0 <= score <= 1):
        raise _wrong("score is a number from 0 (bad) to 1 (good)", "score")
    return float(score), right


def _text(said: dict[str, Any], name: str, most: int) -> str:
    value = said.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most or not _sayable(value):
        raise _wrong(f"{name} is a text of up to {most} characters", name)
    return value


def _sayable(text: str) -> bool:
    """A lone surrogate, which JSON can spell, cannot be written down."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _wrong(message: str, param: str | None = None) -> CallerError:
    return CallerError(message, code="bad_feedback", param=param)


def _no_entry() -> CallerError:
    return CallerError("the semantic cache is off: it has no entries", status=404, code="entry_not_found")


def _told(answer: dict[str, Any]) -> Reply:
    return Reply(200, [(b"content-type", b"application/json")], msgspec.json.encode(answer) + b"\n")
