"""The members of a JSON object, each decoded when somebody asks for it: for bodies too large to be decoded whole.

Enters: raw members of an object that was found valid. Leaves: a Mapping. May fail: not for valid members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec


class Members(Mapping[str, Any]):
    """See the module. What was decoded is kept."""

    __slots__ = ("_decoded", "_raw")

    def __init__(self, raw: dict[str, msgspec.Raw]) -> None:
        self._raw = raw
        self._decoded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        decoded = self._decoded
        if name not in decoded:
            decoded[name] = msgspec.json.decode(self._raw[name])
        return decoded[name]

    def shape(self, name: str, decode: Callable[[msgspec.Raw], Any]) -> Any:
        """A member as a typed decoder sees it, which may leave most of it out; None without it. Raises as that does."""
        raw = self._raw.get(name)
        return None if raw is None else decode(raw)

    def __contains__(self, name: object) -> bool:
        return name in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __repr__(self) -> str:
        return f"<Members {', '.join(self._raw)}>"
