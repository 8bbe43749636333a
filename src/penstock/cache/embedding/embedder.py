"""What an embedder is to the rest: a text in, a unit vector or None out. Imports no numpy.

A vector is a numpy array of float32 with one axis, of length 1, never written to. None means that there is none: the
text is too long, too many wait, the embedder is ill or answered nonsense. It is never an exception, and the caller
goes on without.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[tuple[int], np.dtype[np.float32]]


class Embedder(Protocol):
    """``version`` changes with everything that changes vectors: those of two versions must never be compared."""

    name: str
    version: str
    dimensions: int
    window: int
    """Tokens that it reads; what comes after would not count, so longer texts are refused."""

    def fits(self, text: str) -> bool:
        """Whether the text is within the window. Decides by length where that is enough."""
        ...

    async def embed(self, text: str) -> Vector | None:
        """The text's vector. Never raises but when the caller is cancelled."""
        ...

    def close(self) -> None:
        """Give up what waits; embed nothing more."""
        ...


class Kind(Protocol):
    """What is known of an embedder before it works. ``batch``: texts that are quicker made together."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def window(self) -> int: ...

    @property
    def batch(self) -> int: ...


class Model(Kind, Protocol):
    """What makes vectors in this process. ``encode`` is called from one thread at a time, `fits` from any."""

    def fits(self, text: str) -> bool: ...

    def encode(self, texts: list[str]) -> list[Vector | None]:
        """A vector a text, None for one that is over the window. May raise anything."""
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """The kind of an embedder that is a server elsewhere. ``version`` names the model; the dimension is part of it."""

    name: str
    version: str
    dimensions: int
    window: int
    batch: int = 16


@dataclass(slots=True)
class Tally:
    """How texts ended; each ends once. ``trips``: how often the model was gone to."""

    remembered: int = 0
    embedded: int = 0
    long: int = 0
    full: int = 0
    resting: int = 0
    """Refused because the embedder had failed of late."""
    failed: int = 0
    late: int = 0
    closed: int = 0
    trips: int = 0
    seconds: float = 0.0
    """That they took together, of those that came home."""

    def as_dict(self) -> dict[str, float]:
        return {field.name: getattr(self, field.name) for field in fields(self)}
