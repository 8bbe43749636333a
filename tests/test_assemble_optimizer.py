"""The optimizer in a whole gateway: two upstreams of unequal speed, real calls, and windows that are over sooner."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from penstock.core.clock import RealClock
from penstock.insight.optimizer.course import Course
from tests.insight.optimizer.test_experiments import past
from tests.support.gateway import Running, ask, running_gateway

KEY = "upstreams.slow.weight"
SPEED = 40.0
"""Seconds of windows in a second: one is over after a quarter of it."""
FILE = """
upstreams:
  fast: {kind: echo, tokens_per_second: 200, weight: %d}
  slow: {kind: echo, tokens_per_second: 20, weight: %d}
models:
  m: {upstreams: [fast, slow], strategy: weighted_round_robin}
affinity: {enabled: false}
cache: {exact: {enabled: false}}
insight:
  optimizer:
    mode: %s
    pause: 30s
    guard: 1
    proving: 0s
    cooldown: 1m
    bounds: {upstreams.*.weight: ["1", "256"]}
"""
BODY = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "a b c d e f"}]}).encode()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    began, real = time.time(), time.monotonic()
    monkeypatch.setattr(RealClock, "wall", staticmethod(lambda: began + SPEED * (time.monotonic() - real)))


@asynccontextmanager
async def busy(mode: str, fast: int, slow: int) -> AsyncIterator[Running]:
    """A gateway under load, whose windows are gathered as soon as they are over."""
    async with running_gateway(FILE % (fast, slow, mode)) as running:
        over = asyncio.Event()

        async def call() -> None:
            while not over.is_set():
                await ask(running.port, "POST", "/v1/chat/completions", [running.bearer], BODY)

        async def gather() -> None:
            watching = running.gateway.watching
            assert watching is not None
            while not over.is_set():
                running.gateway.write_down()
                await watching.gather()
                await asyncio.sleep(0.02)

        tasks = [asyncio.create_task(call()) for _ in range(16)] + [asyncio.create_task(gather())]
        try:
            yield running
        finally:
            over.set()
            await asyncio.gather(*tasks)


async def admin(running: Running, path: str, body: Any = None) -> Any:
    data = b"" if body is None else json.dumps(body).encode()
    answer = await ask(running.port, "GET" if body is None else "POST", f"/admin/v1/{path}", [running.bearer], data)
    return json.loads(answer.body)


async def until(running: Running, holds: Callable[[dict[str, Any]], bool], seconds: float = 60.0) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        while True:
            told: dict[str, Any] = await admin(running, "experiments")
            if holds(told):
                return told
            await asyncio.sleep(0.1)


@pytest.mark.usefixtures("quick")
def test_auto_moves_calls_to_the_faster_upstream_and_one_step_can_be_taken_back() -> None:
    async def main() -> None:
        async with busy("auto", 1, 4) as running:
            told = await until(running, lambda told: any(one["state"] == "kept" for one in told["journal"]))
            kept = next(one for one in told["journal"] if one["state"] == "kept")
            assert kept["effect"] < -0.02
            assert kept["after"] < kept["before"]
            weights = {row["key"]: row["value"] for row in (await admin(running, "status"))["settings"]}
            assert weights[kept["proposal"]["setting"]] == kept["proposal"]["value"]
            config = await admin(running, "config")
            name = kept["proposal"]["setting"].split(".")[1]
            assert str(config["upstreams"][name]["weight"]) == kept["proposal"]["value"]
            answer = await admin(running, f"experiments/{kept['id']}/revert", {})
            assert kept["id"] in answer["reverted"]
            assert kept["proposal"]["setting"] not in {
                one["key"] for one in answer["settings"] if one["phase"] != "switching"
            }
            states = {one["id"]: one["state"] for one in (await admin(running, "experiments"))["journal"]}
            assert states[kept["id"]] == "reverted"

    asyncio.run(main())


@pytest.mark.usefixtures("quick")
def test_a_harmful_change_that_somebody_asks_for_is_rolled_back() -> None:
    async def main() -> None:
        async with busy("suggest", 64, 1) as running:
            await restored(running)
            begun = await asked(running, {"setting": "upstreams.slow.weight", "value": "64"})
            assert "not known yet" in begun["error"]["message"]  # before the first of many windows is over
            await until(running, lambda told: bool(told["proposals"]))
            before = await admin(running, "experiments")
            assert before["running"] == before["journal"] == []  # it only suggests
            begun = await asked(running, {"setting": "upstreams.slow.weight", "value": "1"})
            assert "is 1 already" in begun["error"]["message"]
            async with asyncio.timeout(60):
                while "experiment" not in begun:
                    await asyncio.sleep(0.2)
                    begun = await asked(running, {"setting": "upstreams.slow.weight", "value": "64"})
            told = await until(running, lambda told: bool(told["journal"]))
            assert told["journal"][0]["id"] == begun["experiment"]
            assert told["journal"][0]["state"] == "rolled_back"
            assert "hurt latency_p95" in told["journal"][0]["reason"]
            assert (await admin(running, "status"))["settings"] == []
            config = await admin(running, "config")
            assert config["upstreams"]["slow"]["weight"] == 1

    async def asked(running: Running, body: dict[str, str]) -> Any:
        return await admin(running, "experiments/apply", body)

    asyncio.run(main())


def part(running: Running) -> Any:
    watching = running.gateway.watching
    assert watching is not None
    return next(one for one in watching.parts if getattr(one, "name", "") == "optimizer")


async def restored(running: Running) -> Any:
    """The part, once it has read what was tried before."""
    optimizer = part(running)
    async with asyncio.timeout(20):
        while not optimizer._restored:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
    return optimizer


def test_the_journal_is_kept_in_the_store_and_says_what_a_crash_cut_short() -> None:
    async def main() -> None:
        async with running_gateway(FILE % (1, 1, "suggest")) as running:
            optimizer = await restored(running)
            for one in (past(1, "kept", "5", KEY), past(2, "running", "9", KEY)):
                optimizer._note(one)
            await running.gateway.store.flush()  # type: ignore[union-attr]
            optimizer.course = Course(Random(1))
            await optimizer._restore()
            told = await admin(running, "experiments")
            assert [(one["id"], one["state"]) for one in told["journal"]] == [("e2", "failed"), ("e1", "kept")]
            assert optimizer.course.experiments.again == {KEY: "5"}
            assert (await admin(running, "experiments/e1/revert", {}))["error"]["code"] == "experiment_refused"

    asyncio.run(main())


def test_memory_is_collected_at_all_workers_when_that_is_what_is_to_be_done() -> None:
    async def main() -> None:
        async with running_gateway(FILE % (1, 1, "auto")) as running:
            optimizer = part(running)
            deed = past(1, "running", setting="action:collect")
            deed.proposal.metric = "memory"
            optimizer.course.experiments.begin(deed, None)
            before = running.gateway.tending.collecting.made["deep"]
            await optimizer.obey()
            assert running.gateway.tending.collecting.made["deep"] == before + 1
            assert optimizer.course.experiments.present == [deed]

    asyncio.run(main())
