"""The ``auth`` section: who may call."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.core.shapes import FilePath


class AuthConfig(Struct, frozen=True, kw_only=True):
    mode: Annotated[
        Literal["keys", "open"],
        Meta(description="`keys`: every call needs a key. `open`: none does; only on a loopback address."),
    ] = "keys"
    key_file: Annotated[
        FilePath | None,
        Meta(description="Where key hashes are kept. Unset: `$XDG_CONFIG_HOME/penstock/keys.json`."),
    ] = None
