"""The ``grouping`` section: which waiting chats are held for each other, and for how long."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.core.settings import Finding
from penstock.core.units import Bytes, Seconds

NEEDED = {"static": ("numpy", "tokenizers"), "minilm": ("numpy", "tokenizers", "onnxruntime")}
"""What each embedder is made of: the extra ``semantic``."""


class GroupingConfig(Struct, frozen=True, kw_only=True):
    group_by: Annotated[
        Literal["none", "prefix", "similarity"],
        Meta(
            description="`prefix`: calls that begin alike wait until the first of them was computed. `similarity`:"
            " where more calls of a model run than `slots`, those about the like wait for a place together."
        ),
    ] = "none"
    max_wait: Annotated[Seconds, Meta(gt=0, le=600, description="A call is held no longer than this.")] = 2.0
    min_prefix: Annotated[
        Bytes, Meta(ge=256, le=1024 * 1024, description="Of the prompt's beginning that must be equal (`prefix`).")
    ] = 4096
    release: Annotated[
        Literal["auto", "first_token", "end"],
        Meta(
            description="When what one call computed serves the others: at its first token, or at its end. `auto`: at"
            " the end for kinds `local`, `llamacpp` and `ollama`, which keep a prompt in the slot of its call."
        ),
    ] = "auto"
    remember: Annotated[
        Seconds,
        Meta(ge=0, le=86_400, description="For how long after its last use a beginning counts as computed."),
    ] = 60.0
    threshold: Annotated[
        float,
        Meta(ge=-1, le=1, description="Mean cosine with a group's members, from which on a call joins (`similarity`)."),
    ] = 0.9
    slots: Annotated[
        int, Meta(ge=1, description="Calls of one model that run before others are held (`similarity`).")
    ] = 4
    max_size: Annotated[int, Meta(ge=2, le=10_000, description="Calls of one group.")] = 64
    embedder: Annotated[
        Literal["static", "minilm"], Meta(description="What compares texts (`similarity`): the extra `semantic`.")
    ] = "static"
    waiting: Annotated[int, Meta(ge=1, description="Calls held at once, per worker; beyond it they go at once.")] = 1000
    groups: Annotated[
        int, Meta(ge=1, description="Groups at once, and beginnings remembered, per worker; beyond it calls go alone.")
    ] = 1000

    def check(self) -> Iterator[Finding]:
        if self.group_by != "similarity":
            return
        lacking = [name for name in NEEDED[self.embedder] if importlib.util.find_spec(name) is None]
        if lacking:
            yield (
                ("group_by",),
                f'group_by similarity needs {", ".join(lacking)}, not installed: pip install "penstock[semantic]"',
            )
