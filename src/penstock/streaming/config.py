"""The ``streaming`` section: how answers flow to callers who read slowly, far away, or at a set pace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.core.units import Bytes, Seconds

Policy = Literal["pause", "coalesce", "drop_nonessential", "cut"]


class PressureConfig(Struct, frozen=True, kw_only=True):
    moderate: Annotated[
        float, Meta(gt=0, lt=1, description="From this share of the buffer on, the upstream is slowed down.")
    ] = 0.7
    severe: Annotated[
        float, Meta(gt=0, lt=1, description="From this share on it waits until the buffer is half empty.")
    ] = 0.9
    delay: Annotated[
        Seconds, Meta(ge=0, le=10, description="Under moderate pressure each read waits this times the share.")
    ] = 0.05
    wait: Annotated[
        Seconds,
        Meta(
            gt=0, le=10, description="Under severe pressure a caller that sent `x-penstock-lossy` waits at most this."
        ),
    ] = 0.1


class MergeConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[
        bool, Meta(description="Merge events of few characters for callers that are far away (chat, messages).")
    ] = False
    fast_client: Annotated[
        Seconds, Meta(ge=0, description="Callers with a round trip below this get each event at once.")
    ] = 0.05
    short: Annotated[int, Meta(ge=1, le=1000, description="Text of fewer characters than this is held back.")] = 3
    pressure: Annotated[
        float, Meta(gt=0, le=1, description="So is all text while more than this share of the buffer is unread.")
    ] = 0.5
    longest: Annotated[Seconds, Meta(gt=0, le=10, description="Nothing is held back for longer than this.")] = 0.02


class PaceConfig(Struct, frozen=True, kw_only=True):
    per_stream: Annotated[
        float, Meta(ge=0, le=1e6, description="Tokens (events with text) a second to one stream; 0: no limit.")
    ] = 0.0
    per_key: Annotated[
        float, Meta(ge=0, le=1e6, description="Tokens a second to all streams of a key, per worker; 0: no limit.")
    ] = 0.0
    burst: Annotated[int, Meta(ge=1, le=100_000, description="Tokens that may go at once after a silence.")] = 16


class StreamingConfig(Struct, frozen=True, kw_only=True):
    heartbeat: Annotated[
        Seconds, Meta(ge=0, le=3600, description="A stream is never silent for longer than this; 0: it may be.")
    ] = 30.0
    on_slow_reader: Annotated[
        Policy,
        Meta(
            description="What a caller that reads too slowly meets: its upstream waits (`pause`); or its events wait in"
            " `buffer` first, merged into fewer (`coalesce`) or without those of no text (`drop_nonessential`);"
            " or the stream ends when the buffer is full (`cut`)."
        ),
    ] = "pause"
    slow_reader_timeout: Annotated[
        Seconds, Meta(gt=0, description="A stream that has stood still this long for its caller is cut.")
    ] = 300.0
    buffer: Annotated[Bytes, Meta(ge=16 * 1024, le=64 * 1024 * 1024, description="Events waiting for one caller.")] = (
        256 * 1024
    )
    pressure: Annotated[PressureConfig, Meta(description="When the buffer fills.")] = PressureConfig()
    merge: Annotated[MergeConfig, Meta(description="Fewer, larger events.")] = MergeConfig()
    pace: Annotated[PaceConfig, Meta(description="A steady rate.")] = PaceConfig()

    def check(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if self.pressure.moderate >= self.pressure.severe:
            yield ("pressure", "severe"), "pressure.severe must be more than pressure.moderate"
