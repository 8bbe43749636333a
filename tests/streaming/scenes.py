"""A Flow between an upstream and a caller, all by hand."""

import dataclasses
from typing import Any

import msgspec

from penstock.memory.ledger import BoundedAccount
from penstock.streaming.config import StreamingConfig
from penstock.streaming.flow import Flow, Surroundings, Wishes
from tests.support.streams import Later, Reader, Upstream, around, said

SMALL = 16 * 1024
TERMS = StreamingConfig(buffer=SMALL)


@dataclasses.dataclass
class Scene:
    flow: Flow
    upstream: Upstream
    reader: Reader
    later: Later
    around: Surroundings

    @property
    def account(self) -> BoundedAccount:
        assert isinstance(self.around.account, BoundedAccount)
        return self.around.account

    def count(self, action: str, reason: str) -> int:
        return self.around.counts.of(action, reason)


def scene(
    policy: str = "pause", *, round_trip: float | None = None, bound: int = 1 << 20, waiting: int = 0, **wishes: Any
) -> Scene:
    later, upstream, reader = Later(), Upstream(), Reader(round_trip, waiting)
    surroundings = around(later, bound)
    terms = msgspec.structs.replace(TERMS, on_slow_reader=policy)
    flow = Flow(upstream, terms, Wishes("chat", caller=reader, **wishes), surroundings)
    flow.start(reader)
    return Scene(flow, upstream, reader, later, surroundings)


def fill(on: Scene, share: float, event: bytes = said("x")) -> int:
    """Push events until this share of the buffer waits or the upstream is held."""
    number = 0
    while on.account.held < share * SMALL and not on.upstream.held and not on.upstream.cancelled:
        on.upstream.push(event)
        number += 1
    return number
