"""``scaling.pools.<name>.local``: replicas that are processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from penstock.core.settings import Finding
from penstock.core.units import Seconds

PORT = "{port}"


class LocalConfig(Struct, frozen=True, kw_only=True):
    command: Annotated[
        list[str],
        Meta(
            description="What starts one, word by word; `{port}` becomes its port. Empty: the embedded engine of the"
            " upstream of this name (kind `local`)."
        ),
    ] = field(default_factory=list)
    ready: Annotated[str, Meta(description="It is ready when GET of this path answers 200.")] = "/health"
    start: Annotated[Seconds, Meta(gt=0, description="One that is not ready after this is ended.")] = 600.0

    def check(self) -> Iterator[Finding]:
        if self.command and not any(PORT in word for word in self.command):
            yield ("command",), f"command must say its port: a word with {PORT}"
