"""How much memory one worker may use: what is configured, else three quarters of its container or machine. Pure.

Enters: sizes that were read elsewhere. Leaves: a limit in bytes and where it comes from. Whether a process can live
under it is said by ``too_small``.
"""

from __future__ import annotations

from typing import NamedTuple

SHARE = 0.75
UNLIMITED = 1 << 60
"""What a cgroup without a limit says is above this, or is the word "max"."""
NEEDED = 1.5
"""A limit must be so many times what the idle process uses: an idle one would else stand above the band (0.7) where
calls begin to be shed, and would shed them for good."""
MIB = 1024 * 1024


class Limit(NamedTuple):
    """``source``: ``memory.limit``, ``cgroup`` or ``machine``; ``whole``: bytes of that, for all workers."""

    bytes: int
    source: str
    whole: int


def limit_of(configured: int | None, cgroup: int | None, machine: int, workers: int) -> Limit:
    """A worker's share. Raises ValueError for fewer than one worker."""
    if workers < 1:
        raise ValueError(f"{workers} workers")
    if configured is not None:
        return Limit(configured // workers, "memory.limit", configured)
    if cgroup is not None and cgroup < machine:
        return Limit(int(cgroup * SHARE) // workers, "cgroup", cgroup)
    return Limit(int(machine * SHARE) // workers, "machine", machine)


def cgroup_bytes(text: str | None) -> int | None:
    """The limit in the text of ``memory.max`` or ``memory.limit_in_bytes``; None where there is none."""
    word = (text or "").strip()
    if not word.isascii() or not word.isdigit():
        return None
    limit = int(word)
    return limit if 0 < limit < UNLIMITED else None


def too_small(limit: Limit, idle: int, workers: int) -> str | None:
    """What is wrong with a limit under which the process, which uses ``idle`` bytes before its first call, would have
    no room to serve. None: nothing."""
    needed = int(idle * NEEDED)
    if limit.bytes >= needed:
        return None
    least = -(-needed * workers // MIB)
    each = "" if workers == 1 else f" for {workers} workers"
    return (
        f"{limit.source} gives {limit.bytes // MIB} MiB a worker, and an idle one uses {idle // MIB} MiB already;"
        f" memory.limit must be {least}MiB or more{each}"
    )
