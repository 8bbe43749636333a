"""``scaling.pools.<name>.ray``: replicas that are actors of a Ray cluster."""

from __future__ import annotations

from msgspec import Struct


class RayConfig(Struct, frozen=True, kw_only=True):
    pass
