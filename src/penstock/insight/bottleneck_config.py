"""The ``insight.bottleneck`` section: from when on something counts as what holds calls up."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.units import Seconds


class BottleneckConfig(Struct, frozen=True, kw_only=True):
    over: Annotated[Seconds, Meta(ge=10, le=3600, description="What is judged: the mean of so much time.")] = 60.0
    least_calls: Annotated[int, Meta(ge=1, description="Of fewer calls in that time nothing is said.")] = 20
    cpu: Annotated[
        float, Meta(gt=0, le=1, description="Share of its core that a worker uses, with a low token rate.")
    ] = 0.9
    token_rate: Annotated[
        float,
        Meta(gt=0, le=1, description="Low is a token rate below this share of the one that is usual with spare CPU."),
    ] = 0.8
    loop: Annotated[Seconds, Meta(gt=0, le=10, description="Worst delay of the event loop in ten seconds.")] = 0.05
    memory: Annotated[float, Meta(gt=0, le=1, description="Share of the memory limit in use.")] = 0.85
    context: Annotated[
        float, Meta(gt=0, le=1, description="Share of a model's latency in which prompts are read (prefill).")
    ] = 0.4
    queueing: Annotated[
        float, Meta(gt=0, le=1, description="Share of the latency in which calls wait for places and seats.")
    ] = 0.1
    connecting: Annotated[
        float, Meta(gt=0, le=1, description="Share of an upstream's latency in which connections are made.")
    ] = 0.1
    store: Annotated[Seconds, Meta(gt=0, le=10, description="Slowest answer of the store in ten seconds.")] = 0.05
    embedding: Annotated[Seconds, Meta(gt=0, le=10, description="Mean time of an embedding for the cache.")] = 0.02
    network: Annotated[Seconds, Meta(gt=0, le=10, description="Median round trip to callers.")] = 0.15
    collector: Annotated[Seconds, Meta(gt=0, le=10, description="Worst pause of the collector in ten seconds.")] = 0.05
