"""Which beginnings were computed of late, and where. Pure; times are passed in. Bounded, the least recent first out."""

from __future__ import annotations

from collections import OrderedDict


class Known:
    """``seconds``: for how long after its last use one counts; ``bound``: how many are remembered."""

    def __init__(self, seconds: float, bound: int) -> None:
        self._seconds = seconds
        self._bound = bound
        self._at: OrderedDict[int, tuple[str, float]] = OrderedDict()

    def where(self, key: int, now: float) -> str:
        """The upstream that has it; "" for none. It counts as a use."""
        found = self._at.get(key)
        if found is None:
            return ""
        if now - found[1] >= self._seconds:
            del self._at[key]
            return ""
        self.put(key, found[0], now)
        return found[0]

    def put(self, key: int, upstream: str, now: float) -> None:
        """``upstream`` has computed it."""
        if not self._seconds:
            return
        self._at[key] = upstream, now
        self._at.move_to_end(key)
        if len(self._at) > self._bound:
            self._at.popitem(last=False)

    def forget(self, key: int) -> bool:
        """It turned out not to be there. True if it was thought to be."""
        return self._at.pop(key, None) is not None

    def __len__(self) -> int:
        return len(self._at)

    def __repr__(self) -> str:
        return f"<Known {len(self._at)} beginnings>"
