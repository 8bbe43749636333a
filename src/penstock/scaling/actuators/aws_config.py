"""``scaling.pools.<name>.aws``: replicas that are Lambda, ECS or EC2 capacity."""

from __future__ import annotations

from msgspec import Struct


class AwsConfig(Struct, frozen=True, kw_only=True):
    pass
