"""The rows of a block whose signs differ least from a query's: a cheap first choice, which exact cosines then rank.

Enters one bit a dimension (is it above zero) for each row, and for the query. Leaves row numbers and in how many bits
they differ. faiss counts 100,000 rows in half a millisecond; numpy is as good for few, and stands in where it is
missing. Works on one thread.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import faiss
except ImportError:
    faiss = None
else:
    faiss.omp_set_num_threads(1)  # a second thread would take another worker's core

Signs = np.ndarray[Any, np.dtype[np.uint8]]
Whole = np.ndarray[Any, np.dtype[Any]]

NUMPY_ROWS = 2_048
"""Up to so many numpy is quicker than the way into faiss and back."""

WORD_BYTES = 8


def signs_of(rows: Whole) -> Signs:
    """One bit a dimension, each row filled up to whole words of 64 bits."""
    bits = np.packbits(rows > 0, axis=-1)
    short = -bits.shape[-1] % WORD_BYTES
    if not short:
        return bits
    return np.pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, short)])


def sign_bytes(dimensions: int) -> int:
    return -(-dimensions // (8 * WORD_BYTES)) * WORD_BYTES


def nearest(signs: Signs, query: Signs, count: int) -> tuple[Whole, Whole]:
    """At most ``count`` (distance, row) as two arrays, in no order."""
    if faiss is None or len(signs) <= NUMPY_ROWS:
        return _counted(signs, query, count)
    distances, rows = faiss.knn_hamming(query[None], signs, min(count, len(signs)))
    return distances[0], rows[0]


def _counted(signs: Signs, query: Signs, count: int) -> tuple[Whole, Whole]:
    differing = np.bitwise_count(signs.view(np.uint64) ^ query.view(np.uint64)).sum(axis=1, dtype=np.int32)
    if len(signs) <= count:
        return differing, np.arange(len(signs))
    rows = np.argpartition(differing, count)[:count]
    return differing[rows], rows
