"""Writes docs/configuration.md from the config structs, so that it cannot say anything else than the code.

Enters: the sections of config.py. Leaves: the file; with ``--check``, exit 1 when it is not what would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from penstock.config import known_sections
from penstock.core.printing import plain, plain_struct
from penstock.core.shapes import Field, Shape, fields_of

TARGET = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"

HEAD = """\
<!-- Written by tools/make_docs.py from the structs in src/penstock/*/config.py. Do not edit. -->

# Configuration

One YAML file holds everything; none is needed to start. `penstock check FILE` reads it and says what is wrong, with the
line and the nearest known name; nothing is started with a file that has any problem. `penstock config` prints every key
with its effective value, secrets masked. A running gateway takes a changed file on `penstock reload`; if the new one is
wrong, the old one keeps serving.

Without a file Penstock offers `echo`, `smollm2` (if the extra `local` is installed), and `<provider>/*` for each
provider whose usual environment variable is set (`OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, `GEMINI_API_KEY`, ...).

```yaml
listen: {host: 127.0.0.1, port: 8400}
upstreams:
  gpu-0: {kind: vllm, base_url: "http://10.0.0.1:8000/v1", weight: 2}
  gpu-1: {kind: vllm, base_url: "http://10.0.0.2:8000/v1"}
  eu: {kind: openai, api_key: "${OPENAI_API_KEY}"}
models:
  llama: {upstreams: [gpu-0, gpu-1], upstream_model: meta-llama/Llama-3.3-70B-Instruct, fallbacks: [mini]}
  mini: {upstreams: [eu], upstream_model: gpt-5-mini}
  "openai/*": {upstreams: [eu], upstream_model: "*"}
```

## How values are written

| what | how |
|---|---|
| duration | `250ms`, `30s`, `5m`, `1h30m`, `2d`; a bare number is refused |
| size | `512B`, `64KiB` (1024), `64KB` (1000), `1GiB`; a bare number is bytes |
| money | dollars: `0.25`, `12` |
| `${NAME}` | the environment variable; if it is not set, that is an error |
| `${NAME:-default}` | the same, with a default for when it is not set or empty |
| `${file:PATH}` | what stands in a file, without the line end; `PATH` counts from the config file's folder |
| `$${` | a plain `${` |
| file names | `~` is your home; relative ones count from the config file's folder |

Inside `{...}` YAML wants quotes around a reference: `{api_key: "${OPENAI_API_KEY}"}`. What came from the environment
is never repeated in an error message. YAML anchors, aliases and `<<` work; tags do not.

A model's name may end in a star: `openai/*` answers for `openai/gpt-5`, and `*` for everything. An exact name wins
over a star, and the longest prefix over shorter ones.
"""


def sections() -> Iterator[tuple[str, type[msgspec.Struct] | None, Field | None]]:
    """Top-level keys in their order: those that are a struct with it, the others with their field."""
    for key, struct in known_sections():
        if key:
            yield key, struct, None
            continue
        for name, field in fields_of(struct).items():
            yield name, field.shape.struct or (field.shape.inner.struct if field.shape.inner else None), field


def kind(shape: Shape) -> str:
    """A value's type in a few words."""
    words = {"str": "text", "int": "whole number", "float": "number", "bool": "`true` or `false`"}.get(shape.base, "")
    if shape.unit:
        words = shape.unit.name
    elif shape.hidden:
        words = shape.hidden.name
    elif shape.path:
        words = "file name"
    elif shape.base == "choice":
        words = ", ".join(f"`{choice}`" for choice in shape.choices)
    elif shape.base == "struct":
        words = "keys below"
    elif shape.inner:
        inner = kind(shape.inner)
        words = f"list of {inner}" if shape.base == "list" else f"name → {inner}"
    return words + bounds(shape)


def bounds(shape: Shape) -> str:
    write = shape.unit.format if shape.unit else str
    limits = [
        f"{sign} {write(limit)}"
        for sign, limit in (("≥", shape.ge), (">", shape.gt), ("≤", shape.le), ("<", shape.lt))
        if limit is not None
    ]
    return f", {', '.join(limits)}" if limits else ""


def default(field: Field) -> str:
    if field.required:
        return "**required**"
    if isinstance(field.default, msgspec.Struct):
        return f"`{_inline(plain_struct(field.default))}`"
    value = plain(field.default, field.shape, False)
    return "–" if value is None else f"`{_inline(value)}`"


def _inline(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_inline(item)}" for key, item in value.items() if item is not None) + "}"
    return str(value)


def rows(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """A table line for each key of ``struct``, those of structs inside it after their own."""
    for name, field in fields_of(struct).items():
        yield f"| `{prefix}{name}` | {kind(field.shape)} | {default(field)} | {field.shape.description} |"
        if field.shape.struct is not None:
            yield from rows(field.shape.struct, f"{prefix}{name}.")
        inner = field.shape.inner
        if inner is not None and inner.struct is not None:
            yield from rows(
                inner.struct, f"{prefix}{name}.<name>." if field.shape.base == "dict" else f"{prefix}{name}[]."
            )


def document() -> str:
    """The whole file."""
    parts = [HEAD.rstrip()]
    for key, struct, field in sections():
        parts.append(f"\n## `{key}`\n")
        if field is not None and field.shape.description:
            parts.append(f"{field.shape.description}\n")
        if struct is None:
            assert field is not None
            parts.append(f"{kind(field.shape).capitalize()}. Default: {default(field)}.")
            continue
        named = "<name>." if field is not None and field.shape.base == "dict" else ""
        doc = (sys.modules[struct.__module__].__doc__ or "").strip().partition(": ")[2] if field is None else ""
        if doc:
            parts.append(f"{doc[0].upper()}{doc[1:]}\n")
        parts += ["| key | value | default | |", "|---|---|---|---|", *rows(struct, named)]
    return "\n".join(parts) + "\n"


def main(arguments: list[str]) -> int:
    text = document()
    if "--check" in arguments:
        if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text:
            print("configuration.md: in step with the code")
            return 0
        print("docs/configuration.md is not what the code says; run tools/make_docs.py")
        return 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
