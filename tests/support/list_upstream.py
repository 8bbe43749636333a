"""An upstream on a real socket that takes lists: embeddings, moderations, completions, rerank. What it answers to an
item follows from the item alone, so that a test can tell whose answer an answer is.

While ``go`` is clear, calls wait. A text with ``POISON`` in it makes the whole call fail with 400 and words that quote
the whole input; ``most`` items are taken, more are 413. ``wrong(operation, told)`` may change an answer.
"""

from __future__ import annotations

import base64
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.support.scripted_upstream import Answer, Request, ScriptedUpstream

POISON = "poison"


class Lists(ScriptedUpstream):
    """See the module. ``status``: of the next errors, for calls of several items; ``sizes``: how many items each call
    had, ``texts``: they, oldest first. A call takes ``fixed`` seconds and ``each`` for an item, one call after
    another."""

    def __init__(self, fixed: float = 0.0, each: float = 0.0) -> None:
        super().__init__()
        self.go = threading.Event()
        self.go.set()
        self.most = 1000
        self.fixed = fixed
        self.each = each
        self.status: list[int] = []
        self.sizes: list[int] = []
        self.texts: list[list[Any]] = []
        self.wrong: Callable[[str, dict[str, Any]], Any] = lambda operation, told: told
        self._device = threading.Lock()
        for name in ("embeddings", "moderations", "completions", "rerank"):
            self.answers[f"/v1/{name}"] = self._lists

    def _lists(self, connection: socket.socket, request: Request) -> None:
        operation = request.target.rpartition("/")[2]
        body = json.loads(request.body)
        given = body[{"embeddings": "input", "moderations": "input", "rerank": "documents"}.get(operation, "prompt")]
        items = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
        self.sizes.append(len(items))
        self.texts.append(items)
        self.go.wait(10)
        if self.fixed:
            with self._device:
                time.sleep(self.fixed + self.each * len(items))
        answer = self._answered(operation, body, items)
        connection.sendall(answer.head() + answer.body)

    def _answered(self, operation: str, body: dict[str, Any], items: list[Any]) -> Answer:
        if self.status and len(items) > 1:
            return refused(self.status.pop(0), "busy")
        if len(items) > self.most:
            return refused(413, f"too many: {items}")
        if any(POISON in str(item) for item in items):
            return refused(400, f"cannot take {items}")
        told = self.wrong(operation, told_of(operation, body, items))
        return Answer(body=json.dumps(told).encode())


def refused(status: int, message: str) -> Answer:
    """An error as OpenAI words it."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": "refused"}
    return Answer(status, body=json.dumps({"error": error}).encode())


def vector(item: Any) -> list[float]:
    """The vector of an item."""
    text = str(item)
    return [float(len(text)), float(sum(text.encode()) % 8191), 0.5]


def told_of(operation: str, body: dict[str, Any], items: list[Any]) -> dict[str, Any]:
    """What is answered."""
    tokens = sum(len(str(item).split()) for item in items)
    if operation == "embeddings":
        data = [{"object": "embedding", "index": at, "embedding": vector(item)} for at, item in enumerate(items)]
        if body.get("encoding_format") == "base64":
            for one in data:
                one["embedding"] = base64.b64encode(struct.pack("<3f", *one["embedding"])).decode()  # type: ignore[misc]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": body["model"], "usage": usage}
    if operation == "moderations":
        results = [{"flagged": "bad" in item, "categories": {"said": item}} for item in items]
        return {"id": "modr-1", "model": body.get("model", "m"), "results": results}
    if operation == "rerank":
        scored = [
            {"index": at, "relevance_score": vector(item)[1] / 8191, "document": {"text": item}}
            for at, item in enumerate(items)
        ]
        scored.sort(key=lambda one: -one["relevance_score"])  # type: ignore[operator]
        most = body.get("top_n") or len(items)
        return {"id": "r-1", "results": scored[:most], "meta": {"billed_units": {"search_units": 1}}}
    copies = body.get("n") or 1
    choices = [
        {"index": at * copies + copy, "text": f"{item}!{copy}", "logprobs": None, "finish_reason": "stop"}
        for at, item in enumerate(items)
        for copy in range(copies)
    ]
    said = 2 * len(choices)
    usage = {"prompt_tokens": tokens, "completion_tokens": said, "total_tokens": tokens + said}
    return {
        "id": "cmpl-1", "object": "text_completion", "created": 1, "model": body["model"], "choices": choices,
        "usage": usage,
    }  # fmt: skip
