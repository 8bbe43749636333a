"""The rows of a block whose signs differ least from a query's: a cheap first choice, which exact cosines then rank.

Enters one bit a dimension (is it above zero) for each row, and for the query. Leaves row numbers and in how many bits
they differ. faiss counts 100,000 rows in a third of a millisecond; where it is missing numpy takes five. One thread.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

faiss: Any
try:
    faiss = import_module("faiss")
except ImportError:
    faiss = None
else:
    faiss.omp_set_num_threads(1)  # a second thread would take another worker's core

Signs = np.ndarray[Any, np.dtype[np.uint8]]
Whole = np.ndarray[Any, np.dtype[Any]]

WIDTHS = (16, 32, 64)
"""Bytes of signs a row. faiss has a counter made for each; what lies between takes it half as long again as 64."""


def sign_bytes(dimensions: int) -> int:
    """The first width that holds all signs, else the widest, which then holds those of the first dimensions."""
    return next((width for width in WIDTHS if 8 * width >= dimensions), WIDTHS[-1])


def signs_of(rows: Whole) -> Signs:
    """One bit a dimension, filled up with zeros."""
    width = sign_bytes(rows.shape[-1])
    bits = np.packbits(rows[..., : 8 * width] > 0, axis=-1)
    if bits.shape[-1] == width:
        return bits
    signs = np.zeros((*rows.shape[:-1], width), np.uint8)
    signs[..., : bits.shape[-1]] = bits
    return signs


def nearest(signs: Signs, query: Signs, count: int) -> tuple[Whole, Whole]:
    """At most ``count`` (distance, row) as two arrays, in no order."""
    if faiss is None:
        return _counted(signs, query, count)
    distances, rows = faiss.knn_hamming(query[None], signs, min(count, len(signs)))
    return distances[0], rows[0]


def _counted(signs: Signs, query: Signs, count: int) -> tuple[Whole, Whole]:
    differing = np.bitwise_count(signs.view(np.uint64) ^ query.view(np.uint64)).sum(axis=1, dtype=np.int32)
    if len(signs) <= count:
        return differing, np.arange(len(signs))
    rows = np.argpartition(differing, count)[:count]
    return differing[rows], rows
