"""What ``penstock bench cache`` needs of the embedders, which do I/O and so may not be named by commands.

Enters: an embedder's name and texts. Leaves: a matrix of vectors, one row a text; a text without a vector has a row of
zeros, near to nothing. Raises ValueError for an unknown name, OSError when the weights are not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AT_ONCE = 64


def embed(name: str, texts: list[str]) -> NDArray[np.float32]:
    """See the module."""
    import numpy as np

    model = _model(name)
    made: list[Any] = []
    for start in range(0, len(texts), AT_ONCE):
        made += model.encode(texts[start : start + AT_ONCE])
    empty = np.zeros(model.dimensions, np.float32)
    return np.array([empty if vector is None else vector for vector in made], np.float32)


def _model(name: str) -> Any:
    try:
        from penstock.cache.embedding import store, weights
    except ImportError as error:
        raise OSError(0, f'{error.name} is missing: pip install "penstock[semantic]", or give --vectors') from None
    known = {one.name: one for one in (weights.MINILM, weights.STATIC)}
    if name not in known:
        raise ValueError(f"there is no such embedder; there are {', '.join(known)}")
    try:
        return store.load(known[name])
    except store.WeightsError as error:
        raise OSError(0, str(error)) from None
