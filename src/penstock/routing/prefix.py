"""What each upstream likely has in its prefix cache: an index of block hashes, least recently used first out. Pure.

One table for all targets: hash → the set of targets that have the block, as bits; so one search along a prompt finds
the depth reached at every target (as the approximate indexes of llm-d and SGLang's cache_aware do with one tree).
Corrected by ``cached_tokens`` in answers. Bounded in blocks, shared evenly by the targets; times are passed in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import islice

from penstock.routing.ask import Ask

LEAST_BLOCKS = 64
"""A target's part, however many targets there are."""
WALKED = 32
"""Up to so many blocks of a prompt are quicker looked at one after another."""
FEW = 64
"""Up to so many slots are quicker picked one by one."""


class PrefixIndex:
    """See the module. ``bound``: blocks over all targets. A target is known by its slot, from ``join`` to ``part``."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._holders: dict[int, int] = {}
        self._of: dict[int, OrderedDict[int, float]] = {}
        """By slot: each block, and when it was last used; the least recent first."""
        self._limits: dict[int, int] = {}

    def join(self) -> int:
        """A slot for one more target: the lowest that is free."""
        slot = 0
        while slot in self._of:
            slot += 1
        self._of[slot] = OrderedDict()
        self._trim_all()
        return slot

    def part(self, slot: int) -> None:
        """The target at ``slot`` is gone, or has lost its cache for good."""
        self.clear(slot)
        self._of.pop(slot, None)
        self._limits.pop(slot, None)

    def clear(self, slot: int) -> None:
        """The target at ``slot`` remembers nothing any more: it was started anew."""
        known = self._of.get(slot)
        if known:
            self._drop(slot, list(known))

    @property
    def bound(self) -> int:
        """Blocks over all targets, where that leaves each of them ``LEAST_BLOCKS``."""
        return self._bound

    @bound.setter
    def bound(self, blocks: int) -> None:
        if blocks != self._bound:
            self._bound = blocks
            self._trim_all()

    def limit(self, slot: int, blocks: int) -> None:
        """The cache of the target at ``slot`` has room for so many ``blocks``: more are not remembered of it."""
        if slot in self._of and self._limits.get(slot) != blocks:
            self._limits[slot] = blocks
            self._trim(slot)

    def share(self, slot: int) -> int:
        """Blocks that may be kept for the target at ``slot``."""
        share = max(LEAST_BLOCKS, self._bound // max(1, len(self._of)))
        return min(share, max(LEAST_BLOCKS, self._limits.get(slot, share)))

    def held(self, slot: int) -> int:
        """Blocks now kept for the target at ``slot``."""
        return len(self._of.get(slot, ()))

    def match(self, ask: Ask) -> None:
        """Write into ``ask.hits`` which share of its prompt each target likely has; those that have none are absent."""
        hits: dict[int, float] = {}
        ask.hits = hits
        blocks = ask.blocks
        alive = self._holders.get(blocks[0], 0) if blocks else 0
        if not alive:
            return
        if len(blocks) <= WALKED:
            self._walk(ask, hits, alive)
        else:
            self._halve(ask, hits, alive)

    def _walk(self, ask: Ask, hits: dict[int, float], alive: int) -> None:
        """Look at one block after another, for those that have the first."""
        depth = 0
        for have in map(self._holders.get, ask.blocks):
            if have != alive:
                left = alive & have if have else 0
                if left != alive:
                    _give(hits, alive ^ left, ask.reach(depth))
                    if not left:
                        return
                    alive = left
            depth += 1
        _give(hits, alive, ask.reach(depth))

    def _halve(self, ask: Ask, hits: dict[int, float], alive: int) -> None:
        """The same for many blocks."""
        holders, blocks = self._holders, ask.blocks
        end = len(blocks)
        first = 0
        while alive:
            # Who has a block has all before it: the last one that all of them have is found by halving.
            has, lacks, at = first, end, end - 1
            while lacks - has > 1:
                if holders.get(blocks[at], 0) & alive == alive:
                    has = at
                else:
                    lacks = at
                at = (has + lacks) // 2
            have = holders.get(blocks[lacks], 0) & alive if lacks < end else 0
            _give(hits, alive & ~have, ask.reach(lacks))
            alive, first = have, lacks

    def remember(self, slot: int, blocks: Sequence[int], now: float) -> float | None:
        """The target at ``slot`` computes, and so caches, ``blocks``; its least recently used beyond its share go.

        Gives the moment when the deepest block that it was known to have was last used; None when it had none.
        """
        known = self._of.get(slot)
        if known is None or not blocks:
            return None
        holders = self._holders
        bit = 1 << slot
        used: float | None = None
        # The last is touched first: of a prompt that is evicted in part, its beginning stays.
        for block in reversed(blocks):
            if block in known:
                if used is None:
                    used = known[block]
                known.move_to_end(block)
            else:
                holders[block] = holders.get(block, 0) | bit
            known[block] = now
        if len(known) > LEAST_BLOCKS:
            self._trim(slot)
        return used

    def correct(self, slot: int, used: float) -> None:
        """A block that was last used at the target at ``slot`` at the moment ``used`` turned out to be gone from there:
        so is all that was used no later, since eviction is by age there, too."""
        known = self._of.get(slot) or OrderedDict()
        lost: list[int] = []
        for block, at in known.items():
            if at > used:
                break
            lost.append(block)
        if lost:
            self._drop(slot, lost)

    def _trim_all(self) -> None:
        for slot in self._of:
            self._trim(slot)

    def _trim(self, slot: int) -> None:
        known = self._of[slot]
        beyond = len(known) - self.share(slot)
        if beyond > 0:
            self._drop(slot, list(islice(known, beyond)))

    def _drop(self, slot: int, blocks: Sequence[int]) -> None:
        known = self._of[slot]
        holders = self._holders
        keep = ~(1 << slot)
        for block in blocks:
            del known[block]
            left = holders[block] & keep
            if left:
                holders[block] = left
            else:
                del holders[block]

    def __len__(self) -> int:
        return len(self._holders)

    def __repr__(self) -> str:
        return f"<PrefixIndex {len(self._holders)} blocks of {len(self._of)} targets>"


def _give(hits: dict[int, float], bits: int, share: float) -> None:
    """Write ``share`` for each slot in ``bits``."""
    if not bits & (bits - 1):  # as mostly: one
        hits[bits.bit_length() - 1] = share
        return
    if bits.bit_count() > FEW:
        hits.update({slot: share for slot, bit in enumerate(bin(bits)[:1:-1]) if bit == "1"})
        return
    while bits:
        low = bits & -bits
        hits[low.bit_length() - 1] = share
        bits ^= low
