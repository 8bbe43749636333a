"""What each upstream likely has in its prefix cache: an index of block hashes, least recently used first out. Pure.

One table for all targets: hash → the set of targets that have the block, as bits; so one walk along a prompt finds
the depth reached at every target (as the approximate indexes of llm-d and SGLang's cache_aware do with one tree).
Corrected by ``cached_tokens`` in answers. Bounded in blocks, shared evenly by the targets.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from penstock.routing.ask import Ask

LEAST_BLOCKS = 64
"""A target's part, however many targets there are."""


class PrefixIndex:
    """See the module. ``bound``: blocks over all targets. A target is known by its slot, from ``join`` to ``part``."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._holders: dict[int, int] = {}
        self._of: dict[int, OrderedDict[int, None]] = {}

    def join(self) -> int:
        """A slot for one more target: the lowest that is free."""
        slot = 0
        while slot in self._of:
            slot += 1
        self._of[slot] = OrderedDict()
        return slot

    def part(self, slot: int) -> None:
        """The target at ``slot`` is gone, or has lost its cache for good."""
        self.clear(slot)
        self._of.pop(slot, None)

    def clear(self, slot: int) -> None:
        """The target at ``slot`` remembers nothing any more: it was started anew."""
        known = self._of.get(slot)
        if known:
            self._drop(slot, list(known))

    @property
    def share(self) -> int:
        """Blocks that may be kept for one target."""
        return max(LEAST_BLOCKS, self.bound // max(1, len(self._of)))

    def held(self, slot: int) -> int:
        """Blocks that the target at ``slot`` likely has."""
        return len(self._of.get(slot, ()))

    def match(self, ask: Ask) -> None:
        """Write into ``ask.hits`` which share of its prompt each target likely has; those that have none are absent."""
        holders = self._holders
        alive = -1
        found: list[tuple[int, int]] = []
        for depth, block in enumerate(ask.blocks):
            have = holders.get(block, 0) & alive
            if have != alive:
                if depth:
                    found.append((depth, alive & ~have))
                if not have:
                    break
                alive = have
        else:
            if alive > 0:
                found.append((len(ask.blocks), alive))
        hits: dict[int, float] = {}
        for depth, bits in found:
            share = ask.reach(depth)
            while bits > 0:
                low = bits & -bits
                hits[low.bit_length() - 1] = share
                bits ^= low
        ask.hits = hits

    def remember(self, slot: int, blocks: Sequence[int]) -> None:
        """The target at ``slot`` computes, and so caches, ``blocks``; its least recently used beyond its share go."""
        known = self._of.get(slot)
        if known is None or not blocks:
            return
        holders = self._holders
        bit = 1 << slot
        # The last is touched first: of a prompt that is evicted in part, its beginning stays.
        for block in reversed(blocks):
            if block in known:
                known.move_to_end(block)
            else:
                known[block] = None
                holders[block] = holders.get(block, 0) | bit
        beyond = len(known) - self.share
        if beyond > 0:
            self._drop(slot, [block for block, _ in zip(known, range(beyond), strict=False)])

    def correct(self, slot: int, blocks: Sequence[int], depth: int) -> None:
        """The target at ``slot`` turned out to have only the first ``depth`` of ``blocks`` before it was asked: what
        else of it we believed cached is likely gone, but for these very blocks, which it has now computed."""
        known = self._of.get(slot)
        if known is None or depth >= len(blocks) or blocks[-1] not in known:
            return
        # Older than what was lost is lost as well: eviction is by age there, too.
        lost: list[int] = []
        mine = set(blocks)
        for block in known:
            if block in mine:
                break
            lost.append(block)
        self._drop(slot, lost)

    def _drop(self, slot: int, blocks: Sequence[int]) -> None:
        known = self._of[slot]
        holders = self._holders
        keep = ~(1 << slot)
        for block in blocks:
            if block in known:
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
