import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy  # noqa: F401 - else a thread of ours imports it while pytest.approx looks at it
import pytest

from penstock.assemble_scaling import TABLE, Scaling
from penstock.core.windows import Group, Window
from penstock.scaling.control import short
from tests.support.gateway import OPEN_ECHO, Running, ask, running_gateway
from tests.support.pools_told import Fleet, ready
from tests.support.running_gateway import RunningGateway
from tests.support.running_gateway import running_gateway as whole_gateway
from tests.support.sockets import raw, request
from tests.support.whole import admin

RULE = "{rule: tracking, cooldown_in: 0s, cooldown_out: 0s}"
POOL = f"scaling: {{interval: 1m, pools: {{echo: {{min: 1, max: 9, signal: {{}}, policy: {RULE}}}}}}}\n"
POOLED = OPEN_ECHO + POOL


def scaling(gateway: Running, wanted: int = 1) -> tuple[Scaling, Fleet]:
    """That of a gateway, over pools that are not there; its own windows do not come in between."""
    watching = gateway.gateway.watching
    assert watching is not None
    assert watching.scaling is not None
    watching.takers.remove(watching.scaling.take)
    fleet = Fleet("echo", wanted=wanted)
    gateway.team.scaled = fleet.pools
    return watching.scaling, fleet


def window(calls: int, upstream: str = "echo", **more: Any) -> Window:
    """Calls of two seconds and 100 tokens each."""
    group = Group("chat", "echo", upstream, calls=calls, tokens_out=calls * 100, total=calls * 2.0, **more)
    return Window(time.time(), groups=[group])


async def do(gateway: Running, what: str, body: Any) -> Any:
    return await ask(gateway.port, "POST", f"/admin/v1/scaling/{what}", body=json.dumps(body).encode())


def test_replicas_follow_what_is_seen_of_the_pool() -> None:
    async def main() -> None:
        async with running_gateway(POOLED) as gateway:
            one, fleet = scaling(gateway)
            fleet.replicas["echo"] = [ready("echo-1", took=12.0)]
            at = time.time()
            one.controller._wall = lambda: at  # two rounds of a slow machine would tell what comes, and that is nothing
            one._slots["echo"] = 2.0  # calls at once: 100 of load a second
            await one.controller.round()
            assert fleet.wants == [], "nothing was seen yet"
            one.take(window(40))
            one.take(Window(time.time(), groups=[*window(40, "echo@h:1").groups, *window(9, "other").groups]))
            await one.controller.round()
            assert fleet.wanted["echo"] == 6, "400 of load, 70 of 100 for each"
            told = (await ask(gateway.port, "GET", "/admin/v1/scaling?pool=echo")).json()
            assert told["desired_replicas"] == 6
            assert (told["seen"]["load"], told["seen"]["carries"]) == (pytest.approx(400), pytest.approx(100))
            assert told["cold_starts"] == [12.0]
            assert [change["action"] for change in told["changes"]] == ["scale_up"]
            assert "load 400" in told["decision"]["reason"]
            metrics = (await ask(gateway.port, "GET", "/metrics")).body.decode()
            assert 'penstock_pool_desired_replicas{pool="echo"} 6' in metrics
            assert 'penstock_pool_cold_start_seconds{pool="echo"} 12' in metrics

    asyncio.run(main())


def test_calls_refused_for_want_of_replicas_came_too_and_those_of_callers_at_fault_did_not() -> None:
    async def main() -> None:
        async with running_gateway(POOLED) as gateway:
            one, _ = scaling(gateway)
            refused = Group("chat", "echo", "", calls=40, faults={"gateway": 40})
            wrong = Group("chat", "echo", "", calls=40, faults={"caller": 40})
            one.take(Window(time.time(), groups=[*window(40).groups, refused, wrong]))
            assert one.controller.pools["echo"].sight.load == pytest.approx(800)

    asyncio.run(main())


def test_a_person_s_word_over_the_api() -> None:
    async def main() -> None:
        async with running_gateway(POOLED) as gateway:
            one, fleet = scaling(gateway)
            answer = await do(gateway, "want", {"pool": "echo", "count": 5, "for": "1h"})
            assert answer.json()["desired_replicas"] == 5
            assert fleet.wanted["echo"] == 5
            one.take(window(0))
            await one.controller.round()
            assert fleet.wanted["echo"] == 5
            assert (await do(gateway, "want", {"pool": "echo", "count": 50})).status == 400
            assert (await do(gateway, "want", {"pool": "gone", "count": 5})).status == 404
            assert (await do(gateway, "stop", {})).status == 404
            assert (await do(gateway, "pause", {"pool": "echo"})).json()["held"]["count"] is None
            assert (await do(gateway, "resume", {"pool": "echo"})).json()["held"] is None
            assert (await ask(gateway.port, "GET", "/admin/v1/scaling?pool=gone")).status == 404
            assert set((await ask(gateway.port, "GET", "/admin/v1/scaling")).json()["pools"]) == {"echo"}

    asyncio.run(main())


def test_a_pool_that_stays_short_of_replicas_is_an_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short, "PATIENCE_SECONDS", 0.0)

    async def main() -> None:
        async with running_gateway(POOLED) as gateway:
            one, fleet = scaling(gateway)
            fleet.replicas["echo"], fleet.trouble = [], "echo-7: it ended with status 1"
            await one.controller.round()
            one.take(window(0))
            alerts = (await ask(gateway.port, "GET", "/admin/v1/alerts")).json()
            assert [alert["text"] for alert in alerts["open"]] == [
                "pool echo has 0 of 1 replicas: echo-7: it ended with status 1"
            ]
            fleet.replicas["echo"] = [ready("echo-8")]
            await one.controller.round()
            one.take(window(0))
            alerts = (await ask(gateway.port, "GET", "/admin/v1/alerts")).json()
            assert (alerts["open"], [alert["name"] for alert in alerts["closed"]]) == ([], ["pool_short"])

    asyncio.run(main())


def test_what_is_known_survives_a_restart() -> None:
    async def main() -> None:
        async with running_gateway(POOLED + "store: sqlite\n") as gateway:
            one, fleet = scaling(gateway)
            fleet.replicas["echo"] = [ready("echo-1", took=12.0)]
            await do(gateway, "want", {"pool": "echo", "count": 5})
            store, watching = gateway.gateway.store, gateway.gateway.watching
            assert store is not None
            assert watching is not None
            assert await store.flush()
            after = Scaling(watching, one._forecast)
            after.follow(gateway.gateway.config)
            await after._restore(store.records(TABLE), ["echo", "gone"])
            pool = after.controller.pools["echo"]
            assert pool.starts.measured == [12.0]
            assert pool.ruling.held is not None
            assert pool.ruling.held.count == 5
            assert [change.wanted for change in pool.ruling.changes] == [5]

    asyncio.run(main())


def test_a_pool_that_a_reload_brings_is_remembered_as_well() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO + "store: sqlite\n") as gateway:
            one, _ = scaling(gateway)
            assert one.controller.pools == {}
            gateway.path.write_text(POOLED + "store: sqlite\n")
            assert (await gateway.team.reload())["ok"]
            assert one._known == {"echo"}

    asyncio.run(main())


WORDS = " ".join(["word"] * 150)
BODY = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": WORDS}]}).encode()
SERVED = """
upstreams: {gpu: {kind: echo, tokens_per_second: 100, capacity: 1}}
models: {m: {upstreams: [gpu]}}
scaling:
  interval: 200ms
  pools: {gpu: {min: 1, max: 20, signal: {}, policy: {cooldown_in: 2m}}}
"""


def row(gateway: RunningGateway) -> Any:
    return admin(gateway, "/admin/v1/scaling?pool=gpu")


@pytest.mark.slow
def test_of_two_workers_the_first_decides_for_the_load_of_both(tmp_path: Path) -> None:
    with whole_gateway(tmp_path, SERVED, None, "--workers", "2") as gateway:
        call = request("POST", "/v1/chat/completions", [("Authorization", f"Bearer {gateway.key}")], BODY)

        async def grown_under_load() -> Any:
            """Ten calls at once, each of a second or two, until a window of that was seen."""
            async with asyncio.timeout(110):
                while True:
                    await asyncio.gather(*(raw(gateway.port, call, within=30) for _ in range(10)))
                    now = await asyncio.to_thread(row, gateway)
                    if now["desired_replicas"] > 1:
                        return now

        grown = asyncio.run(grown_under_load())
        assert grown["seen"]["carries"] > 0
        assert {change["action"] for change in grown["changes"]} == {"scale_up"}
        told = re.search(r'penstock_pool_desired_replicas{pool="gpu"} (\d+)', admin(gateway, "/metrics"))
        assert told is not None
        assert int(told[1]) >= grown["desired_replicas"]
