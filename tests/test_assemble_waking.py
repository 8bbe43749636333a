import asyncio
from typing import Any

import pytest

from penstock.assemble import Gateway
from penstock.assemble_waking import Waking
from penstock.config import Config
from penstock.process.link import LinkError
from penstock.process.loop import run
from penstock.process.team import Team
from penstock.routing.holding import Starting
from tests.support import pools
from tests.support.gateway import OPEN_ECHO, ask, running_gateway

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def config(more: str = "") -> Config:
    return Config.parse(pools.config(least=0, more=more), "c.yaml", {})


def test_the_bounds_are_those_of_the_pool_and_nobody_waits_without_one() -> None:
    async def main() -> None:
        gateway: Any = None
        waking = Waking(gateway)
        assert waking.holding(Config.parse(OPEN_ECHO, "c.yaml", {})) is None
        assert waking.holding(config(", dry_run: true")) is None
        assert waking.waiting("gpu") == 0

    asyncio.run(main())


def test_a_call_is_held_the_supervisor_is_asked_once_and_its_answer_is_told_on() -> None:
    async def main() -> None:
        text = pools.config(least=0, more=", hold: {calls: 1, seconds: 60s}")
        async with running_gateway(text) as running:
            asked: list[dict[str, Any]] = []

            async def scaled(question: dict[str, Any]) -> dict[str, Any]:
                asked.append(question)
                return {"pools": {"gpu": {"due_in": 30.0, "starts": 40.0, "trouble": "it sulks"}}}

            team: Team = running.team
            team.scaled = scaled
            gateway: Gateway = running.gateway
            calls = [asyncio.ensure_future(ask(running.port, "POST", "/v1/chat/completions", body=CHAT, within=200))]
            async with asyncio.timeout(20):
                while not gateway.waking.waiting("gpu"):  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            refused = await ask(running.port, "POST", "/v1/chat/completions", body=CHAT)
            loop = asyncio.get_running_loop()
            real = loop.time
            loop.time = lambda: real() + 61.0  # type: ignore[method-assign]  # what the first may wait is over
            answers = [await calls[0], refused]
            assert [one.json()["error"]["code"] for one in answers] == ["pool_starting"] * 2
            assert [15 <= int(one.headers["retry-after"]) <= 30 for one in answers] == [True, True]
            told = answers[0].body.decode()
            assert "there is trouble with its start" in told
            assert "it sulks" not in told
            assert [one for one in asked if one["do"] == "wake"] == [{"do": "wake", "pools": {"gpu": 60.0}}]

    asyncio.run(main())


def test_a_supervisor_that_does_not_answer_is_no_defect_that_each_call_has_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with running_gateway(pools.config(least=0, more=", hold: {seconds: 50ms}")) as running:

            async def scaled(_: dict[str, Any]) -> dict[str, Any]:
                raise LinkError("no answer came within 60 s")

            running.team.scaled = scaled
            told = await ask(running.port, "POST", "/v1/chat/completions", body=CHAT)
            assert told.json()["error"]["code"] == "pool_starting"

    run(main())
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_call_that_waits_goes_on_when_a_replica_is_found_or_the_pool_is_taken_away() -> None:
    async def main() -> None:
        async with running_gateway(pools.config(least=0)) as running:
            holding = running.gateway.waking.holding(running.gateway.config)
            assert holding is not None
            holding.starting["gone"] = Starting(1.0)
            call = asyncio.ensure_future(ask(running.port, "POST", "/v1/chat/completions", body=CHAT))
            async with asyncio.timeout(20):
                while not running.gateway.waking.waiting("gpu"):  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            running.path.write_text(OPEN_ECHO.replace("echo: {upstreams", "m: {upstreams"))
            assert (await running.team.reload())["ok"]
            assert (await call).json()["choices"][0]["message"]["content"] == "hello"
            assert holding.starting == {}

    run(main())
