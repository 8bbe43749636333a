"""Which index for many vectors? Ours beside libraries that it could stand on, on one core. What a library finds best is
ranked exactly afterwards, as ours does.

Columns: milliseconds a query, processor time, as the caller's thread and the library's own spend it; microseconds an
insert and a delete; bytes an entry; ``found``: the share of queries whose true nearest came first. Queries are entries
moved to a cosine of 0.75, as distant as anything that a cache would serve. Libraries that are missing are left out:
``pip install turbovec usearch``.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # before the libraries are loaded

import numpy as np  # noqa: E402

from bench import machine  # noqa: E402
from bench.stats import number, percentile, table  # noqa: E402
from penstock.cache.index.index import CANDIDATES, Index  # noqa: E402

Array = np.ndarray[Any, Any]


class Candidate(Protocol):
    """An index under test. Ids are row numbers."""

    def add(self, first: int, vectors: Array) -> None: ...

    def remove(self, identity: int) -> None: ...

    def best(self, query: Array) -> int: ...

    def held(self) -> float: ...


@dataclass
class Kept:
    """The exact vectors of an index that has none of its own, in 8 bits."""

    rows: Array
    factors: Array

    def best(self, ids: Array, query: Array) -> int:
        cosines = np.vecdot(self.rows[ids].astype(np.float32), query) * self.factors[ids]
        return int(ids[cosines.argmax()])


class Ours:
    def __init__(self, dimensions: int, kept: Kept) -> None:
        self._index = Index(dimensions)

    def add(self, first: int, vectors: Array) -> None:
        for place, vector in enumerate(vectors):
            self._index.add(first + place, vector)

    def remove(self, identity: int) -> None:
        self._index.remove(identity)

    def best(self, query: Array) -> int:
        return self._index.search(query, 8)[0][0]

    def held(self) -> float:
        return self._index.held / len(self._index)


class Flat:
    """numpy and nothing else: every row is compared."""

    def __init__(self, dimensions: int, kept: Kept) -> None:
        self._rows = np.empty((len(kept.rows), dimensions), np.float32)
        self._size = 0

    def add(self, first: int, vectors: Array) -> None:
        self._rows[first : first + len(vectors)] = vectors
        self._size = first + len(vectors)

    def remove(self, identity: int) -> None:
        self._rows[identity] = self._rows[self._size - 1]

    def best(self, query: Array) -> int:
        return int((self._rows[: self._size] @ query).argmax())

    def held(self) -> float:
        return self._rows.shape[1] * 4


class Faiss:
    """Flat with 8 bits a number."""

    def __init__(self, dimensions: int, kept: Kept) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self._faiss, self._kept = faiss, kept
        flat = faiss.IndexScalarQuantizer(dimensions, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
        flat.train(kept.rows[:2000].astype(np.float32) * kept.factors[:2000, None])
        self._index = faiss.IndexIDMap2(flat)

    def add(self, first: int, vectors: Array) -> None:
        for place in range(0, len(vectors), 100):
            some = vectors[place : place + 100]
            self._index.add_with_ids(some, np.arange(first + place, first + place + len(some)))

    def remove(self, identity: int) -> None:
        self._index.remove_ids(np.array([identity]))

    def best(self, query: Array) -> int:
        return self._kept.best(self._index.search(query[None], 32)[1][0], query)

    def held(self) -> float:
        return self._index.d + 8 + 50


class Turbovec:
    """4 bits a number, scanned."""

    def __init__(self, dimensions: int, kept: Kept) -> None:
        import turbovec

        self._kept = kept
        self._index = turbovec.IdMapIndex(dim=dimensions, bit_width=4)

    def add(self, first: int, vectors: Array) -> None:
        for place in range(0, len(vectors), 100):
            some = np.ascontiguousarray(vectors[place : place + 100])
            ids = np.arange(first + place, first + place + len(some), dtype=np.uint64)
            self._index.add_with_ids(some, ids)

    def remove(self, identity: int) -> None:
        self._index.remove(identity)

    def best(self, query: Array) -> int:
        return self._kept.best(self._index.search(query[None], 16)[1][0].astype(np.int64), query)

    def held(self) -> float:
        return len(self._index.to_bytes()) / len(self._index) + self._kept.rows.shape[1] + 4


class Usearch:
    """A graph (HNSW), 8 bits a number."""

    def __init__(self, dimensions: int, kept: Kept) -> None:
        from usearch.index import Index as Graph

        self._kept = kept
        self._index = Graph(ndim=dimensions, metric="cos", dtype="i8", expansion_add=128, expansion_search=256)

    def add(self, first: int, vectors: Array) -> None:
        self._index.add(np.arange(first, first + len(vectors), dtype=np.uint64), vectors, threads=1)

    def remove(self, identity: int) -> None:
        self._index.remove(identity)

    def best(self, query: Array) -> int:
        return self._kept.best(self._index.search(query, 32, threads=1).keys.astype(np.int64), query)

    def held(self) -> float:
        return self._index.memory_usage / len(self._index) + 4


CANDIDATES_UNDER_TEST: dict[str, tuple[str, Callable[[int, Kept], Candidate]]] = {
    f"penstock (signs by faiss, {CANDIDATES} ranked)": ("faiss", Ours),
    "numpy, all rows in 32 bits": ("numpy", Flat),
    "faiss SQ8 flat": ("faiss", Faiss),
    "turbovec 4 bits": ("turbovec", Turbovec),
    "usearch HNSW i8": ("usearch", Usearch),
}


def groups(count: int, dimensions: int, file: str | None) -> Array:
    """Vectors in groups of some ten that mean nearly the same; near those of a file (.npy) where one is given."""
    generator = np.random.default_rng(1)
    centres = np.load(file) if file else generator.standard_normal((count // 10, dimensions), np.float32)
    chosen = centres[generator.integers(0, len(centres), count)]
    lengths = np.linalg.norm(chosen, axis=1, keepdims=True) / dimensions**0.5
    made = chosen + generator.standard_normal(chosen.shape, np.float32) * lengths * np.float32(0.4)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def moved(vectors: Array, count: int, cosine: float) -> Array:
    """Queries at this cosine from some of the vectors."""
    generator = np.random.default_rng(2)
    near = vectors[generator.integers(0, len(vectors), count)]
    away = vectors[generator.integers(0, len(vectors), count)]
    away = away - (away * near).sum(axis=1, keepdims=True) * near
    away /= np.linalg.norm(away, axis=1, keepdims=True) + 1e-9
    return np.asarray(cosine * near + (1 - cosine**2) ** 0.5 * away, np.float32)


def measured(name: str, make: Callable[[int, Kept], Candidate], vectors: Array, queries: Array) -> dict[str, str]:
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    rows = np.rint(vectors * 127 / largest).astype(np.int8)
    factors = 1 / np.linalg.norm(rows.astype(np.float32), axis=1)
    index = make(vectors.shape[1], Kept(rows, factors))
    begun = time.process_time()
    index.add(0, vectors)
    inserted = (time.process_time() - begun) / len(vectors)
    took, found = [], []
    for query in queries:
        begun = time.process_time()
        found.append(index.best(query))
        took.append(time.process_time() - begun)
    truth = np.array([(vectors @ query).max() for query in queries])
    got = np.array([vectors[identity] @ query for identity, query in zip(found, queries, strict=True)])
    held = index.held()
    begun = time.process_time()
    for identity in range(0, 1000, 10):
        index.remove(identity)
    removed = (time.process_time() - begun) / 100
    return {
        "index": name,
        "query p50": number(percentile(sorted(took), 50) * 1e3, 2),
        "query p99": number(percentile(sorted(took), 99) * 1e3, 2),
        "insert": number(inserted * 1e6, 0),
        "delete": number(removed * 1e6, 1),
        "bytes an entry": number(held, 0),
        "found": number(float((got >= truth - 0.002).mean()) * 100, 1) + " %",
    }


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.vector_index", description=__doc__)
    words.add_argument("--entries", type=int, default=100_000)
    words.add_argument("--dimensions", type=int, default=384)
    words.add_argument("--vectors", metavar="FILE", help="vectors (.npy) to make entries from, instead of random ones")
    words.add_argument("--only", default="", help="part of the names to measure")
    given = words.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    vectors = groups(given.entries, given.dimensions, given.vectors)
    queries = moved(vectors, 500, 0.75)
    rows = []
    for name, (library, make) in CANDIDATES_UNDER_TEST.items():
        if given.only in name and importlib.util.find_spec(library) is not None:
            rows.append(measured(name, make, vectors, queries))
    print(machine.headline(machine.describe()))
    print(f"one core, {given.entries} entries of {given.dimensions} dimensions\n\n{table(rows)}")


if __name__ == "__main__":
    main()
