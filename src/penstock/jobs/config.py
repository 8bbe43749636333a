"""The ``jobs`` section: batch jobs, which Penstock keeps and runs itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from penstock.core.settings import Finding
from penstock.core.shapes import FilePath
from penstock.core.units import Bytes, Seconds


class DelegateConfig(Struct, frozen=True, kw_only=True):
    upstreams: Annotated[
        list[str],
        Meta(description="Upstreams of kind `openai` whose own batch API may be given whole jobs of one model."),
    ] = field(default_factory=list)
    price: Annotated[
        float,
        Meta(ge=0, le=1, description="What a call costs there, as a share of the upstream's `price`."),
    ] = 0.5
    window: Annotated[
        Seconds, Meta(gt=0, description="How long the provider may take: a job that must end sooner stays here.")
    ] = 86400.0
    poll: Annotated[Seconds, Meta(gt=0, description="How often the provider is asked how far it is.")] = 60.0


class JobsConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[
        bool,
        Meta(description="Whether `/v1/files` (purpose batch) and `/v1/batches` are served here; else they pass on."),
    ] = True
    directory: Annotated[
        FilePath | None,
        Meta(
            description="Where files and jobs are kept; gateways that share it share them. Unset: `jobs` beside the key"
            " file, or beside the file of a sqlite store."
        ),
    ] = None
    max_file: Annotated[Bytes, Meta(ge=1024, description="The largest file that is taken.")] = 200 * 2**20
    max_lines: Annotated[int, Meta(ge=1, le=10_000_000, description="Lines of one job.")] = 50_000
    max_line: Annotated[Bytes, Meta(ge=256, description="The longest line.")] = 8 * 2**20
    disk: Annotated[Bytes, Meta(ge=2**20, description="What all files and answers may take there; beyond it: 507.")] = (
        20 * 2**30
    )
    memory: Annotated[
        Bytes, Meta(ge=2**20, description="Parts of files and lines in flight, held by a worker at once.")
    ] = 128 * 2**20
    open: Annotated[int, Meta(ge=1, description="Jobs of one key that have not ended; beyond it: 429.")] = 100
    keep: Annotated[Seconds, Meta(ge=60, description="How long files and ended jobs are kept.")] = 30 * 86400.0
    longest: Annotated[Seconds, Meta(ge=1, description="The longest `completion_window`.")] = 7 * 86400.0
    running: Annotated[int, Meta(ge=1, description="Jobs at work at once, per worker.")] = 4
    concurrency: Annotated[
        int, Meta(ge=1, description="Lines in flight at most, per worker; how many are, what the upstreams bear says.")
    ] = 64
    load: Annotated[
        float, Meta(gt=0, le=1, description="The share of the gateway's capacity above which jobs pause.")
    ] = 0.8
    attempts: Annotated[
        int, Meta(ge=1, le=100, description="How often a line is asked whose upstream fails (full ones do not count).")
    ] = 5
    delegate: Annotated[DelegateConfig, Meta(description="Jobs passed on to a provider's own batch API.")] = (
        DelegateConfig()
    )

    def check(self) -> Iterator[Finding]:
        if self.max_line > self.memory // 4:
            yield ("max_line",), "max_line is more than a quarter of memory: such a line could never be asked"
        if self.max_file > self.disk:
            yield ("max_file",), "max_file is more than disk holds"
