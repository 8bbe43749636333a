"""A whole answer of the Responses API told as its events. Enters: the answer. Leaves: one frame an event.

Text, refusals, arguments and summaries come in their deltas; other items come whole. May fail: TypeError or KeyError
for an answer that does not hold what its dialect says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from penstock.wire.sse import encode
from penstock.wire.told import elements

_PIECE = re.compile(r"\s*\S+\s*|\s+")
_ARGUMENTS = {
    "function_call": ("arguments", "function_call_arguments"),
    "custom_tool_call": ("input", "custom_tool_call_input"),
    "mcp_call": ("arguments", "mcp_call_arguments"),
}
_PARTS = {"output_text": ("text", "output_text"), "refusal": ("refusal", "refusal")}


def response_events(whole: dict[str, Any]) -> Iterator[bytes]:
    """See the module."""
    for number, (kind, fields) in enumerate(_told(whole)):
        yield encode(msgspec.json.encode({"type": kind, "sequence_number": number, **fields}), kind)


def _told(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(elements(whole["output"])):
        yield from _item(index, item)
    yield f"response.{whole['status']}", {"response": whole}


def _item(index: int, item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = item.get("type")
    at = {"item_id": item.get("id"), "output_index": index}
    begun = {**item, "status": "in_progress"} if "status" in item else dict(item)
    if kind == "message":
        begun["content"] = []
    elif kind in _ARGUMENTS:
        begun[_ARGUMENTS[kind][0]] = ""
    elif kind == "reasoning":
        begun["summary"] = []
    yield "response.output_item.added", {"output_index": index, "item": begun}
    if kind == "message":
        for position, part in enumerate(elements(item.get("content"))):
            yield from _part({**at, "content_index": position}, part)
    elif kind in _ARGUMENTS:
        member, name = _ARGUMENTS[kind]
        given = item.get(member, "")
        yield f"response.{name}.delta", {**at, "delta": given}
        yield f"response.{name}.done", {**at, member: given}
    elif kind == "reasoning":
        for position, part in enumerate(elements(item.get("summary"))):
            yield from _summary({**at, "summary_index": position}, part)
    yield "response.output_item.done", {"output_index": index, "item": item}


def _part(at: dict[str, Any], part: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    member, name = _PARTS.get(str(part.get("type")), ("", ""))
    begun = {**part, member: ""} if member else part
    if "annotations" in part:
        begun = {**begun, "annotations": []}
    yield "response.content_part.added", {**at, "part": begun}
    if member:
        more: dict[str, Any] = {"logprobs": []} if name == "output_text" else {}
        for piece in _PIECE.findall(part.get(member) or ""):
            yield f"response.{name}.delta", {**at, "delta": piece, **more}
        for number, note in enumerate(elements(part.get("annotations"))):
            yield "response.output_text.annotation.added", {**at, "annotation_index": number, "annotation": note}
        yield f"response.{name}.done", {**at, member: part.get(member) or "", **more}
    yield "response.content_part.done", {**at, "part": part}


def _summary(at: dict[str, Any], part: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    text = part.get("text") or ""
    yield "response.reasoning_summary_part.added", {**at, "part": {**part, "text": ""}}
    for piece in _PIECE.findall(text):
        yield "response.reasoning_summary_text.delta", {**at, "delta": piece}
    yield "response.reasoning_summary_text.done", {**at, "text": text}
    yield "response.reasoning_summary_part.done", {**at, "part": part}
