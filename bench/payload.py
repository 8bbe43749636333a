"""What is sent: a short chat of about 230 bytes and a coding agent's of 76 KiB, plain or asking for a stream."""

from __future__ import annotations

import json
import random

MODEL = "m"
LARGE_BYTES = 76 * 1024

_WORDS = (
    *("self", "return", "value", "index", "buffer", "parse", "stream", "request", "response", "header", "token"),
    *("await", "async", "def", "class", "import", "from", "raise", "except", "while", "for", "in", "if", "else"),
    *("None", "True", "False", "lambda", "yield", "with", "open", "path", "config", "update", "render", "state"),
)


def small_chat(stream: bool = False, max_tokens: int = 16) -> bytes:
    """A short question: what a chat window sends."""
    return _encode(
        {
            "model": MODEL,
            "messages": [
                {"role": "system", "content": "You are an assistant that answers in one sentence."},
                {"role": "user", "content": "Why does a penstock have a gate at the upper end?"},
            ],
            "max_tokens": max_tokens,
            "stream": stream,
            "temperature": 0.7,
        }
    )


def large_chat(temperature: float = 0.7) -> bytes:
    """What a coding agent sends for its smallest question: rules, two dozen tools, files read, a few turns. At
    ``temperature`` 0 an exact cache looks it up, for which it has to be hashed."""
    dice = random.Random(76)  # seeded: the same text in every run
    tools = [_tool(dice, position) for position in range(24)]
    messages: list[dict[str, object]] = [{"role": "system", "content": _prose(dice, 9_000)}]
    body: dict[str, object] = {"model": MODEL, "messages": messages, "tools": tools, "stream": False}
    body |= {"max_tokens": 16, "temperature": temperature}
    turn = 0
    while len(_encode(body)) < LARGE_BYTES - 6_000:
        messages.extend(_turn(dice, turn))
        turn += 1
    messages.append({"role": "user", "content": "ping "})
    messages[-1]["content"] = "ping " + "x" * (LARGE_BYTES - len(_encode(body)))
    return _encode(body)


def _turn(dice: random.Random, turn: int) -> list[dict[str, object]]:
    call = {
        "id": f"call_{turn:08d}",
        "type": "function",
        "function": {"name": "read_file", "arguments": json.dumps({"path": f"src/module_{turn}.py", "limit": 200})},
    }
    return [
        {"role": "user", "content": f"Look at src/module_{turn}.py and say what is wrong."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": _code(dice, 4_000)},
        {"role": "assistant", "content": _prose(dice, 600)},
    ]


def _tool(dice: random.Random, position: int) -> dict[str, object]:
    names = dice.sample(_WORDS, 4)
    properties = {name: {"type": "string", "description": _prose(dice, 90)} for name in names}
    schema = {"type": "object", "properties": properties, "required": names[:2], "additionalProperties": False}
    function = {"name": f"tool_{position}", "description": _prose(dice, 400), "parameters": schema}
    return {"type": "function", "function": function}


def _prose(dice: random.Random, length: int) -> str:
    return " ".join(dice.choices(_WORDS, k=length // 6))[:length]


def _code(dice: random.Random, length: int) -> str:
    lines: list[str] = []
    while sum(map(len, lines)) < length:
        indent = "    " * dice.randint(0, 3)
        lines.append(f'{indent}{" ".join(dice.choices(_WORDS, k=6))}("{dice.choice(_WORDS)}\\t")')
    return "\n".join(lines)


def _encode(body: dict[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
