"""How often entries were told again since that was last written down. Pure; bounded by the number of entries."""

from __future__ import annotations


class Uses:
    """By the entry: how often, and when last (wall seconds)."""

    __slots__ = ("_uses",)

    def __init__(self) -> None:
        self._uses: dict[bytes, list[float]] = {}

    def add(self, id: bytes, wall: float) -> None:
        """It was told once more."""
        use = self._uses.get(id)
        if use is None:
            self._uses[id] = [1, wall]
        else:
            use[0] += 1
            use[1] = wall

    def forget(self, id: bytes) -> None:
        """The entry is gone."""
        self._uses.pop(id, None)

    def clear(self) -> None:
        """All are gone."""
        self._uses.clear()

    def take(self, most: int) -> list[tuple[bytes, int, float]]:
        """Some of them, to be written down; they are counted anew from here."""
        taken = [(id, int(count), last) for id, (count, last) in list(self._uses.items())[:most]]
        for id, _, _ in taken:
            del self._uses[id]
        return taken

    def __repr__(self) -> str:
        return f"<Uses of {len(self._uses)} entries>"
