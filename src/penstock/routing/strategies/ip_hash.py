"""IP hash: a client keeps its upstream, and adding one moves only its fair share of clients.

Weighted rendezvous hashing: for client c choose the target t with the largest -w_t / ln(h(c, t)), h uniform in (0, 1)
(Thaler and Ravishankar 1998; weights after Schindelhauer and Schomaker 2005). Removing a target moves only the
clients it had; adding one of weight w takes w / sum(weights) of them, evenly from all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b

from penstock.routing.ask import Ask
from penstock.routing.targets import Target

REMEMBERED_CLIENTS = 8192


class IpHash:
    """Choices are remembered (bounded) while the set of targets stays the same."""

    prefix = False
    largest = True

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._known: dict[str, Target] = {}

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """The target that belongs to the client's address."""
        names = tuple([target.name for target in targets])
        if names != self._names or len(self._known) >= REMEMBERED_CLIENTS:
            self._names = names
            self._known = {}
        known = self._known.get(ask.call.client)
        if known is None:
            known = self._known[ask.call.client] = max(targets, key=lambda target: score(ask.call.client, target))
        return known

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """Its rendezvous score."""
        return {"hash": score(ask.call.client, target)}

    def __repr__(self) -> str:
        return f"<IpHash {len(self._known)} clients known>"


def score(client: str, target: Target) -> float:
    """The weighted rendezvous score of ``target`` for ``client``; larger wins."""
    digest = blake2b(f"{client}\0{target.name}".encode(), digest_size=8).digest()
    # 52 bits: with more, the largest would round to 1, whose logarithm is 0.
    uniform = ((int.from_bytes(digest, "big") >> 12) + 0.5) / 2**52
    return -target.weight / math.log(uniform)
