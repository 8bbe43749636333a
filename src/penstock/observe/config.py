"""The ``observe`` section: what is written down about calls (never prompts, answers or keys)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.core.shapes import FilePath


class ObserveConfig(Struct, frozen=True, kw_only=True):
    access_log: Annotated[
        Literal["errors", "all", "off"], Meta(description="Which calls get a line of JSON in the log.")
    ] = "errors"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least important message that is logged.")
    ] = "info"
    log_file: Annotated[
        FilePath | None, Meta(description="Log to this file, opened again on SIGUSR1. Unset: standard error.")
    ] = None
    recent: Annotated[int, Meta(ge=0, le=100_000, description="Calls remembered for the admin API, per worker.")] = 1000
    waterfall: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Of one call in so many it is noted how long it was in each room. 0: of none.",
        ),
    ] = 64
    routes: Annotated[
        int, Meta(ge=0, le=10_000, description="Decisions of routing remembered with all that led to them, per worker.")
    ] = 0
    routes_file: Annotated[
        FilePath | None, Meta(description="Append every decision of routing to this file, up to 1 GiB.")
    ] = None
