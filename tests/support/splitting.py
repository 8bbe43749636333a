"""Whole answers as the events of a stream that tells the same: what collecting has to undo.

``draw`` is hypothesis's ``data.draw``: where text is cut and how the parts of several choices follow one another are
drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st

from penstock.wire.sse import DONE, encode

Draw = Callable[[st.SearchStrategy[Any]], Any]
Event = dict[str, Any]


def pieces(draw: Draw, text: str) -> list[str]:
    """``text`` cut at random places."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def interleaved(draw: Draw, rows: list[list[Any]]) -> list[Any]:
    """One list of all, each row in its order."""
    rows, mixed = [list(row) for row in rows if row], []
    while rows:
        row = draw(st.sampled_from(rows))
        mixed.append(row.pop(0))
        rows = [row for row in rows if row]
    return mixed


def joined(draw: Draw, events: list[bytes]) -> list[bytes]:
    """Some events in one frame with the next."""
    frames = [b""]
    for event in events:
        frames[-1] += event
        if draw(st.booleans()):
            frames.append(b"")
    return [frame for frame in frames if frame]


# ---- chat completions and completions


def choice_parts(draw: Draw, choice: Event) -> list[Event]:
    """The deltas (or texts) of one choice, then its finish."""
    index, parts = choice["index"], []
    if "text" in choice:
        parts += [{"text": piece} for piece in pieces(draw, choice["text"])]
    else:
        message = choice["message"]
        parts.append({"delta": {"role": message["role"], "content": None if message["content"] is None else ""}})
        for key in ("reasoning_content", "content", "refusal"):
            if isinstance(message.get(key), str):
                parts += [{"delta": {key: piece}} for piece in pieces(draw, message[key])]
            elif key in message:
                parts.append({"delta": {key: None}})
        calls = [call_parts(draw, number, call) for number, call in enumerate(message.get("tool_calls", []))]
        parts += [{"delta": {"tool_calls": [part]}} for part in interleaved(draw, calls)]
    nothing: Event = {"delta": {}} if "message" in choice else {"text": ""}
    logprobs = choice.get("logprobs")
    for key, items in (logprobs or {}).items():
        cut = draw(st.integers(0, len(items)))
        parts += [{**nothing, "logprobs": {key: some}} for some in (items[:cut], items[cut:])]
    parts.append({**nothing, "finish_reason": choice["finish_reason"]})
    if logprobs is None and "logprobs" in choice:
        parts = [{**part, "logprobs": None} for part in parts]
    return [{"index": index, "finish_reason": None, **part} for part in parts]


def call_parts(draw: Draw, number: int, call: Event) -> list[Event]:
    """A tool call: its name first, then its arguments."""
    first, *rest = pieces(draw, call["function"]["arguments"])
    begin = {"index": number, "id": call["id"], "type": call["type"]}
    parts = [begin | {"function": {"name": call["function"]["name"], "arguments": first}}]
    return parts + [{"index": number, "function": {"arguments": piece}} for piece in rest]


def choice_frames(draw: Draw, answer: Event) -> list[bytes]:
    """The frames of a stream that tells ``answer``."""
    facts = {key: answer[key] for key in answer if key not in ("choices", "usage", "object")}
    parts = interleaved(draw, [choice_parts(draw, choice) for choice in answer["choices"]])
    events = [{**facts, "object": "chunk", "choices": [part], "usage": None} for part in parts]
    events.append({**facts, "choices": [], "usage": answer["usage"]})
    return joined(draw, [*[encode(msgspec.json.encode(event)) for event in events], DONE])


# ---- Messages


def block_events(draw: Draw, index: int, block: Event) -> list[Event]:
    """The events of one content block."""
    begin, deltas = dict(block), []
    if block["type"] == "tool_use":
        begin["input"] = {}
        text = msgspec.json.encode(block["input"]).decode() if block["input"] else ""
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(draw, text)]
    elif block["type"] == "thinking":
        begin |= {"thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(draw, block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif block["type"] == "text":
        begin["text"] = ""
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(draw, block["text"])]
        if "citations" in block:
            begin["citations"] = []
            deltas += [{"type": "citations_delta", "citation": one} for one in block["citations"]]
    events: list[Event] = [{"type": "content_block_start", "index": index, "content_block": begin}]
    events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [*events, {"type": "content_block_stop", "index": index}]


def message_frames(draw: Draw, message: Event) -> list[bytes]:
    """The frames of a stream that tells ``message``."""
    usage = message["usage"]
    start = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage | {"output_tokens": 1},
    }
    stop = {key: message[key] for key in ("stop_reason", "stop_sequence")}
    events: list[Event] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(message["content"]):
        events += block_events(draw, index, block)
    told = {"output_tokens": usage["output_tokens"], "input_tokens": None}
    events += [{"type": "message_delta", "delta": stop, "usage": told}, {"type": "message_stop"}]
    return joined(draw, [encode(msgspec.json.encode(event), event["type"]) for event in events])
