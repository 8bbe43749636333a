import asyncio
import math
import time

import numpy  # noqa: F401 - else a thread of ours imports it while pytest.approx looks at it
import pytest

from penstock.assemble_capacity import _bound, _peak
from penstock.core.sketch import put
from penstock.core.windows import Group, Part, Window
from tests.support.gateway import OPEN_ECHO, ask, running_gateway

POOLED = """
upstreams: {gpu: {kind: vllm, base_url: "http://127.0.0.1:9/v1", capacity: 8, price: {second: 0.001}}}
models: {m: {upstreams: [gpu]}}
scaling: {interval: 1m, pools: {gpu: {min: 1, max: 9, signal: {}}}}
auth: {mode: open}
store: memory
"""


def window(start: float) -> Window:
    """200 calls of two seconds in ten: 40 at once."""
    group = Group("chat", "m", "gpu", calls=200, streams=200, tokens_in=40_000, tokens_out=20_000, total=400.0)
    put(group.firsts, 0.2, 200)
    gauges = {"cpu": 0.9, "resident": 200.0 * 2**20}
    return Window(start, groups=[group], parts={"prompt": {"256": Part(calls=200)}}, gauges=gauges, peaks=dict(gauges))


def test_advice_rests_on_the_history_and_the_pools() -> None:
    async def main() -> None:
        async with running_gateway(POOLED) as gateway:
            watching = gateway.gateway.watching
            assert watching is not None
            assert watching.history is not None
            assert watching.scaling is not None
            now = time.time() // 300 * 300
            for number in range(30):
                watching._give(window(now - 300 + number * 10))
            async with asyncio.timeout(10):
                while watching.history._pending:  # type: ignore[attr-defined]  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)
            pool = watching.scaling.controller.pools["gpu"]
            pool.seen = watching.scaling.controller.pools["gpu"].sight.seen(now)
            told = (await ask(gateway.port, "GET", "/admin/v1/capacity")).json()
            by_name = {one["of"]: one for one in told["advice"]}
            assert by_name["gateway workers"]["evidence"]["cpu_peak"] == pytest.approx(0.9)
            slots = by_name["upstream gpu slots"]
            assert slots["evidence"]["in_flight_peak"] == pytest.approx(40.0, rel=0.05)
            assert (slots["now"], slots["wanted"], slots["does"]) == (8, 52, "more")
            assert told["hours"] > 0
            assert (await ask(gateway.port, "POST", "/admin/v1/capacity/apply")).status == 404

    asyncio.run(main())


def test_without_a_past_there_is_an_answer() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            assert (await ask(gateway.port, "GET", "/admin/v1/capacity")).json()["hours"] == 0

    asyncio.run(main())


def test_calls_at_once_are_rate_times_duration_added_up_over_instances() -> None:
    rows = [
        {"points": {"calls_per_second": [1.0, 4.0, None], "total_mean": [2.0, 3.0, None]}},
        {"points": {"calls_per_second": [0.0, 1.0, 2.0], "total_mean": [None, 5.0, 1.0]}},
    ]
    assert _peak(rows) == 17.0
    assert _peak([]) == 0.0


def test_bands_have_an_upper_bound() -> None:
    assert [_bound(name) for name in ("256", "65536", "more", "other")] == [256.0, 65536.0, math.inf, math.inf]
