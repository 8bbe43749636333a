"""Odd questions, asked of each store."""

from __future__ import annotations

import math
import time

import pytest

from tests.support.stores import Stores, scanned

FAR = time.time() + 3600.0


def test_odd_moments_and_amounts_harm_nobody(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        table = store.records("things")
        for key, moment in ((b"inf", math.inf), (b"far", 1e300), (b"nan", math.nan), (b"-inf", -math.inf)):
            table.put(key, b"v", moment)
        assert await store.flush()
        assert await scanned(store, "things") == {b"inf": b"v", b"far": b"v", b"nan": b"v"}
        for amount in (2**53 + 1, -(2**53) - 1, 10**30):
            with pytest.raises(ValueError, match="too much"):
                await store.counters.add("n", amount)
        assert await store.counters.add("n", 2**53, math.inf) == 2**53
        assert await store.counters.add("n", 1, -math.inf) in (1, 2**53 + 1)

    stores.run(work)


def test_flush_says_whether_all_was_stored(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        assert await store.flush()
        store.records("things").put(b"k", b"v", FAR)
        assert await store.flush()
        assert not store.records("things").put(b"k" * 2000, b"v", FAR)  # said at once, so flush need not
        assert await store.flush()

    stores.run(work)
