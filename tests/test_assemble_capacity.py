import asyncio
import math
import time

import msgspec
import numpy  # noqa: F401 - else a thread of ours imports it while pytest.approx looks at it
import pytest

from penstock.assemble_capacity import DAY, Sizing, _bound, _lately, _peak
from penstock.core.sketch import put
from penstock.core.windows import Group, Part, Window
from penstock.scaling.control.service import Pool
from penstock.scaling.replica import Replica, Standing
from penstock.scaling.seen import Decision
from penstock.scaling.size import Size
from tests.support.gateway import OPEN_ECHO, Running, ask, running_gateway

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


async def _none() -> None: ...


async def measured(gateway: Running) -> tuple[Pool, float]:
    """The pool ``gpu``, after five minutes of such windows; and when they ended."""
    watching = gateway.gateway.watching
    assert watching is not None
    assert watching.history is not None
    assert watching.scaling is not None
    watching.gather = _none  # type: ignore[method-assign]  # its own windows do not come in between
    now = time.time() // 300 * 300
    for number in range(30):
        watching._give(window(now - 300 + number * 10))
    async with asyncio.timeout(20):
        while watching.history._pending:  # type: ignore[attr-defined]  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    return watching.scaling.controller.pools["gpu"], now


def test_advice_rests_on_the_history_and_the_pools() -> None:
    async def main() -> None:
        async with running_gateway(POOLED) as gateway:
            pool, now = await measured(gateway)
            pool.seen = pool.sight.seen(now)
            told = (await ask(gateway.port, "GET", "/admin/v1/capacity")).json()
            by_name = {one["of"]: one for one in told["advice"]}
            assert by_name["gateway workers"]["evidence"]["cpu_peak"] == pytest.approx(0.9)
            slots = by_name["upstream gpu slots"]
            assert slots["evidence"]["in_flight_peak"] == pytest.approx(40.0, rel=0.05)
            assert (slots["now"], slots["wanted"], slots["does"]) == (8, 52, "more")
            assert told["hours"] > 0
            assert (await ask(gateway.port, "POST", "/admin/v1/capacity/apply")).json() == {
                "dry_run": False,
                "pools": {},
            }
            assert (await ask(gateway.port, "POST", "/admin/v1/capacity/undo")).status == 404

    asyncio.run(main())


def test_how_large_the_replicas_of_a_pool_should_be_rests_on_its_calls() -> None:
    text = POOLED.replace("signal: {}", "signal: {}, vertical: {mode: suggest, slots: {min: 2, max: 30}}")

    async def main() -> None:
        async with running_gateway(text) as gateway:
            pool, _ = await measured(gateway)
            standing = Standing(2, [Replica("a", state="ready")], size=Size(slots=8, context=1024), can=["slots"])
            pool.told = {"standing": msgspec.to_builtins(standing), "wanted": 2}
            told = (await ask(gateway.port, "GET", "/admin/v1/capacity")).json()
            (advice,) = [one for one in told["advice"] if one["pool"] == "gpu"]
            assert (advice["of"], advice["now"], advice["wanted"], advice["by"]) == ("pool gpu slots", 8, 26, "apply")
            assert advice["evidence"]["in_flight_peak"] == pytest.approx(20.0, rel=0.05), "40 calls at two replicas"

    asyncio.run(main())


def test_a_function_that_is_this_very_one_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    text = POOLED.replace("signal: {}", "aws: {function: {name: mine}}")

    async def main() -> None:
        async with running_gateway(text) as gateway:
            watching = gateway.gateway.watching
            assert watching is not None
            assert watching.scaling is not None
            sizing = Sizing(watching, watching.scaling)
            assert sizing._lambda_pool() == ""
            monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "mine")
            assert sizing._lambda_pool() == "gpu"

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


def test_how_many_stood_in_the_last_day_counts_what_stood_as_it_began() -> None:
    changes = [Decision(at, wanted, "hold", "") for at, wanted in ((0.0, 9), (1000.0, 6), (3000.0, 2), (3500.0, 4))]
    assert _lately(changes, 2000.0 + DAY) == [6, 2, 4]
    assert _lately(changes, 9000.0 + DAY) == [4]
    assert _lately([], 5.0) == []


def test_bands_have_an_upper_bound() -> None:
    assert [_bound(name) for name in ("256", "65536", "more", "other")] == [256.0, 65536.0, math.inf, math.inf]
