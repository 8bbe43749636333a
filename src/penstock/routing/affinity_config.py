"""What strategies go by beside the calls: ``affinity``, ``scrape`` and ``instance_score``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.units import Seconds


class AffinityConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[bool, Meta(description="Whether a session stays at the upstream that has its context.")] = True
    ttl: Annotated[Seconds, Meta(gt=0, description="A session that is silent for this long is forgotten.")] = 3600.0
    sessions: Annotated[int, Meta(ge=1, le=10_000_000, description="Sessions remembered, per worker.")] = 100_000
    slack: Annotated[
        Seconds, Meta(ge=0, description="A session leaves an upstream that is slower than the best by more than this.")
    ] = 0.5
    max_load: Annotated[
        float, Meta(gt=0, le=1, description="So it does from this share of the upstream's `capacity` on.")
    ] = 0.9
    blocks: Annotated[
        int,
        Meta(ge=1024, le=10_000_000, description="Pieces of prompts remembered as cached somewhere, per worker."),
    ] = 200_000


class ScrapeConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[bool, Meta(description="Whether they are read at all.")] = True
    interval: Annotated[
        Seconds, Meta(ge=0.1, le=10, description="Each is read about this often; what it told holds for 15 s.")
    ] = 2.0
    timeout: Annotated[Seconds, Meta(gt=0, le=10, description="One that takes longer is ignored.")] = 1.0


class InstanceScoreConfig(Struct, frozen=True, kw_only=True):
    load: Annotated[float, Meta(ge=0, le=1000, description="Lost by one whose whole `capacity` is in use.")] = 50.0
    response_time: Annotated[float, Meta(ge=0, le=1000, description="The most that a slow one loses.")] = 30.0
    response_step: Annotated[
        Seconds, Meta(gt=0, description="A point is lost for each of these that its first token takes.")
    ] = 0.01
    memory: Annotated[float, Meta(ge=0, le=1000, description="Lost by one whose KV cache is full.")] = 20.0
    session: Annotated[
        float,
        Meta(ge=0, le=1000, description="Gained where the session's context is, or without one most of the prompt."),
    ] = 15.0
    model: Annotated[float, Meta(ge=0, le=1000, description="Gained where the model was asked for lately.")] = 10.0
