"""The ``resume`` section: streams that a caller may continue after its connection broke."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.units import Bytes, Seconds


class ResumeConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[
        bool,
        Meta(description="Whether callers may ask for it (`x-penstock-resume: true`). False: the field is ignored."),
    ] = True
    always: Annotated[
        bool, Meta(description="Keep every stream, asked for or not; `x-penstock-resume: false` opts out.")
    ] = False
    window: Annotated[
        Seconds, Meta(gt=0, le=3600, description="How long a stream that nobody reads is kept, running or finished.")
    ] = 60.0
    max_bytes: Annotated[
        Bytes,
        Meta(ge=16 * 1024, description="Kept of one stream, read and unread; when it is full, the stream waits."),
    ] = 4 * 1024 * 1024
    total_bytes: Annotated[Bytes, Meta(ge=64 * 1024, description="Kept of all streams, per worker.")] = (
        256 * 1024 * 1024
    )
    streams: Annotated[
        int,
        Meta(ge=1, description="Streams kept at once, per worker; beyond it a stream flows, but cannot be resumed."),
    ] = 1000
