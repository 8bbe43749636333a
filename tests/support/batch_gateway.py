"""A gateway in a process of its own whose jobs are answered by an echo: for commands and clients that make jobs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.support.running_gateway import RunningGateway, running_gateway

CONFIG = """
auth: {mode: open}
upstreams: {echo: {kind: echo}}
models: {echo: {upstreams: [echo]}}
"""


@contextlib.contextmanager
def batch_gateway(home: Path) -> Iterator[RunningGateway]:
    """One at home in ``home``."""
    with running_gateway(home, CONFIG) as gateway:
        yield gateway
