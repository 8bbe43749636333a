"""What a call wants of the model that answers it: room for its prompt, tools, sight, a JSON schema. Pure.

Enters: a peeked call of any dialect. Leaves: Needs. Looked for only when a fallback is about to be asked, in the bytes:
a quote cannot stand inside a JSON string unescaped, so ``"type":"image"`` is never a caller's words. May fail: not at
all; of a body that is no JSON object only the size is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from penstock.core.call import Call
from penstock.core.errors import CallerError
from penstock.wire.json_scan import walk

_PROMPTS = frozenset({"messages", "input"})
_TOOLS = frozenset({"tools", "functions"})
_FORMATS = frozenset({"response_format", "text", "output_format", "output_config"})
_SCHEMAS = frozenset({"guided_json", "structured_outputs", "json_schema"})
_UNSET = (b"null", b"[]", b"{}")

_IMAGE = re.compile(rb'"type"[ \t\r\n]*:[ \t\r\n]*"(?:image_url|input_image|image)"')
_SCHEMA = re.compile(rb'"type"[ \t\r\n]*:[ \t\r\n]*"json_schema"')
_ENCODED = re.compile(rb"[A-Za-z0-9+/=\\]{1024,}")
"""A kilobyte of Base64: no text."""


@dataclass(frozen=True, slots=True)
class Needs:
    """``size``: bytes of the body without its images; ``output``: tokens that the answer may have, 0 where unsaid."""

    size: int = 0
    output: int = 0
    images: int = 0
    tools: bool = False
    json_schema: bool = False


def needs_of(call: Call) -> Needs:
    """What ``call`` needs."""
    body = call.body
    size, output = len(body), call.max_tokens or 0
    images = 0
    tools = json_schema = False
    try:
        for key, _, start, end in walk(body):
            if key in _PROMPTS:
                found = len(_IMAGE.findall(body, start, end))
                if found:
                    images += found
                    size -= sum(len(run) for run in _ENCODED.findall(body, start, end))
            elif key in _TOOLS:
                tools = tools or body[start:end] not in _UNSET
            elif key in _FORMATS:
                json_schema = json_schema or _SCHEMA.search(body, start, end) is not None
            elif key in _SCHEMAS:
                json_schema = json_schema or body[start:end] not in _UNSET
    except (ValueError, RecursionError, CallerError):
        pass
    return Needs(size, output, images, tools, json_schema)
