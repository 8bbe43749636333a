"""Events as no dialect has them: each value of a good one in turn replaced by another, as a broken upstream sends."""

import copy
import json
from collections.abc import Iterator
from typing import Any

GOOD: list[dict[str, Any]] = [
    {
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": "a", "tool_calls": [{"index": 0}]},
                     "logprobs": {"content": [{"logprob": -1}]}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 1}},
        "timings": {"cache_n": 1}, "error": None,
    },
    {"id": "c", "model": "m", "choices": [{"index": 0, "text": "a", "finish_reason": None}]},
    {"type": "message_start", "message": {"id": "c", "model": "m", "usage": {"input_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
]  # fmt: skip
ODD: list[Any] = [None, True, 5, -5, 10**400, 1.5, "x", "", [], ["x"], [[]], [{}], {}, {"x": 1}]


def odd_events() -> Iterator[bytes]:
    """All of them, and each without one of its fields."""
    for good in GOOD:
        for path in _paths(good):
            for odd in ODD:
                yield _event(_put(good, path, odd))
            if isinstance(path[-1], str):
                yield _event(_put(good, path, None, gone=True))
    yield from (_event(odd) for odd in ODD)


def _paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*at, key)
        yield from _paths(inner, (*at, key))


def _put(good: Any, path: tuple[Any, ...], odd: Any, *, gone: bool = False) -> Any:
    made = copy.deepcopy(good)
    holder = made
    for key in path[:-1]:
        holder = holder[key]
    if gone:
        del holder[path[-1]]
    else:
        holder[path[-1]] = odd
    return made


def _event(data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"
