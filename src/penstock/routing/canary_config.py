"""``models.<name>.canary``: a new version of a model, on trial."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field


class CanaryConfig(Struct, frozen=True, kw_only=True):
    share: Annotated[float, Meta(gt=0, lt=1, description="Of the calls; sessions stay with one version.")] = 0.05
    upstream_model: Annotated[
        str | None, Meta(min_length=1, description="The new version's name there. Unset: as the model's own.")
    ] = None
    upstreams: Annotated[list[str], Meta(description="Where it is served. Empty: where the model is.")] = field(
        default_factory=list
    )
    errors: Annotated[float, Meta(ge=0, le=1, description="It may fail in this share of calls more.")] = 0.02
    slower: Annotated[float, Meta(ge=0, le=100, description="It may take this share of time more.")] = 0.2
    dislikes: Annotated[float, Meta(ge=0, le=1, description="It may be disliked in this share of feedback more.")] = (
        0.05
    )
    least_calls: Annotated[int, Meta(ge=8, description="It is not called fit before so many calls.")] = 200
    promote: Annotated[
        bool, Meta(description="Give it all calls once it is fit. Otherwise it is reported, and you decide.")
    ] = False
