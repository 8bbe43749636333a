"""``scaling.pools.<name>.signal``: somebody else acts on what is published."""

from __future__ import annotations

from msgspec import Struct


class SignalConfig(Struct, frozen=True, kw_only=True):
    pass
