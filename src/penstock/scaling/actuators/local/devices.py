"""Which GPU is whose: each is given to one replica at a time, over all pools of this gateway. Pure.

Enters: which there are, who asks for how many. Leaves: their names, or None where too few are free.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"


class Devices:
    """``there``: all that the gateway may use."""

    def __init__(self, there: Sequence[str]) -> None:
        self.there = list(there)
        self._taken: set[str] = set()

    def take(self, count: int, among: Collection[str] = ()) -> list[str] | None:
        """So many that are free, of those ``among`` which the pool may use (none named: of all)."""
        free = [one for one in among or self.there if one not in self._taken]
        if len(free) < count:
            return None
        self._taken.update(free[:count])
        return free[:count]

    def give(self, devices: Collection[str]) -> None:
        """They are free again."""
        self._taken.difference_update(devices)

    def free(self, among: Collection[str] = ()) -> int:
        """How many are."""
        return len(set(among or self.there) - self._taken)

    def __repr__(self) -> str:
        return f"<Devices {len(self._taken)} of {len(self.there)} taken>"


def visible(environment: Mapping[str, str], nodes: Collection[str]) -> list[str]:
    """The GPUs that we may use: those that our own environment names, else those of which there is a device file among
    ``nodes`` (names in /dev)."""
    said = environment.get(VISIBLE)
    if said is not None:
        return [one for one in (word.strip() for word in said.split(",")) if one and one != "-1"]
    numbers = [int(node[6:]) for node in nodes if node.startswith("nvidia") and node[6:].isdigit()]
    return [str(number) for number in sorted(numbers)]
