"""Pools of real processes behind a real gateway: started, killed, drained, moved, and asleep."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from penstock.process.control import ask_gateway
from tests.support import pools
from tests.support.running_gateway import RunningGateway, running_gateway
from tests.support.sockets import parse_answers, raw, request

WORDS = 150


async def asked(gateway: RunningGateway, question: dict[str, Any], name: str = "pools") -> Any:
    return await ask_gateway(gateway.port, name, question, within=60)


async def want(gateway: RunningGateway, count: int) -> None:
    await asked(gateway, {"do": "want", "wants": {"gpu": {"count": count, "why": "the test says so"}}})


async def ready(gateway: RunningGateway, count: int, besides: str = "", *, again: bool = False) -> list[dict[str, Any]]:
    """The replicas, once so many are ready and no other stands. ``again``: wanted all the while, as the rule `fixed`
    would have but one again after a minute."""
    async with asyncio.timeout(90):
        while True:
            if again:
                await want(gateway, count)
            row = (await asked(gateway, {"do": "standing"}))["pools"]["gpu"]
            replicas = row["standing"]["replicas"]
            if [one["state"] for one in replicas] == ["ready"] * count and besides not in [
                one["name"] for one in replicas
            ]:
                return list(replicas)
            await asyncio.sleep(0.05)


def chat(words: int, *, stream: bool = True, text: str = "count") -> bytes:
    body = {"model": "m", "stream": stream, "max_tokens": words, "messages": [{"role": "user", "content": text}]}
    return request("POST", "/v1/chat/completions", body=json.dumps(body).encode())


def told(answer: bytes) -> str:
    """What was told, if it was told to its end without an error."""
    (parsed,) = parse_answers(answer)
    assert parsed.status == 200, answer
    text = parsed.body.decode()
    assert "[DONE]" in text, text[-1000:]
    assert '"error"' not in text, text[-1000:]
    return "".join(re.findall(r'"content":"([^"]*)"', text))


def counted(words: int) -> str:
    return "".join(f"#{number} " for number in range(words))


async def rescues(gateway: RunningGateway) -> dict[str, int]:
    """How streams went on that did not end where they began, once that is told."""
    async with asyncio.timeout(30):
        while True:
            page = await asked(gateway, {}, "metrics")
            found = re.findall(r'penstock_rescues_total\{how="(\w+)"\} (\d+)', page)
            if sum(int(number) for _, number in found) >= 2:
                return {how: int(number) for how, number in found}
            await asyncio.sleep(0.05)


async def under_way(gateway: RunningGateway, count: int) -> None:
    """Wait until so many calls are or more, once that is told."""
    async with asyncio.timeout(60):
        while True:
            found = re.search(r"penstock_in_flight (\d+)", await asked(gateway, {}, "metrics"))
            if found is not None and int(found[1]) >= count:
                return
            await asyncio.sleep(0.02)


def logged(gateway: RunningGateway) -> list[str]:
    """What the gateway has complained of."""
    lines = [json.loads(line) for line in (gateway.home / "log").read_text().splitlines() if line.startswith("{")]
    return [line["message"] for line in lines if line["level"] in ("warning", "error", "critical")]


def serving(home: Path, text: str) -> AbstractContextManager[RunningGateway]:
    return running_gateway(home, text, {"XDG_RUNTIME_DIR": str(home)})


@pytest.fixture(autouse=True)
def _runtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.mark.parametrize("workers", [1, 2])
def test_replicas_are_removed_and_killed_under_streams_and_no_caller_sees_it(tmp_path: Path, workers: int) -> None:
    async def killed(gateway: RunningGateway) -> None:
        """One of those that stand, while the pool grows."""
        replicas = (await asked(gateway, {"do": "standing"}))["pools"]["gpu"]["standing"]["replicas"]
        found = re.findall(r"(gpu-\d+) is ready after .* \(pid (\d+)", (gateway.home / "log").read_text())
        await want(gateway, 6)
        os.kill(int(dict(found)[replicas[0]["name"]]), signal.SIGKILL)
        await ready(gateway, 6, besides=replicas[0]["name"], again=True)

    async def main(gateway: RunningGateway) -> None:
        await want(gateway, 6)
        await ready(gateway, 6)
        going_on = True
        answers: list[str] = []

        async def caller(stream: bool) -> None:
            while going_on:
                answer = await raw(gateway.port, chat(WORDS if stream else 40, stream=stream), within=60)
                if stream:
                    answers.append(told(answer))
                else:
                    (parsed,) = parse_answers(answer)
                    assert parsed.status == 200, answer
                    assert parsed.json()["choices"][0]["message"]["content"] == counted(40)

        callers = [asyncio.ensure_future(caller(number % 4 > 0)) for number in range(16)]
        await under_way(gateway, 12)  # of 16 callers: else those that go have nothing to move yet
        for count in (2, 6, 2):  # four go, come, and go again
            await want(gateway, count)
            await ready(gateway, count, again=True)
        assert logged(gateway) == []
        moved = await rescues(gateway)
        assert set(moved) == {"moved"}
        assert moved["moved"] >= 2
        await killed(gateway)
        going_on = False
        await asyncio.gather(*callers)
        assert set(answers) == {counted(WORDS)}

    with serving(tmp_path, pools.config(workers=workers, gap=0.01)) as gateway:
        asyncio.run(main(gateway))


def test_a_call_wakes_a_pool_that_sleeps_and_a_reload_that_takes_the_pool_away_lets_its_streams_end(
    tmp_path: Path,
) -> None:
    async def main(gateway: RunningGateway) -> None:
        calls = [asyncio.ensure_future(raw(gateway.port, chat(3), within=60)) for _ in range(3)]
        assert [told(answer) for answer in await asyncio.gather(*calls)] == [counted(3)] * 3
        await ready(gateway, 1)
        assert logged(gateway) == []
        call = asyncio.ensure_future(raw(gateway.port, chat(WORDS), within=60))
        await under_way(gateway, 1)
        (tmp_path / "penstock.yaml").write_text(
            "auth: {mode: open}\nlisten: {workers: 2}\nupstreams: {e: {kind: echo}}\nmodels: {m: {upstreams: [e]}}\n"
        )
        assert (await asked(gateway, {}, "reload"))["ok"]
        assert (await asked(gateway, {"do": "standing"})) == {"pools": {}}
        assert told(await call) == counted(WORDS)

    with serving(tmp_path, pools.config(workers=2, least=0, start=0.3)) as gateway:
        asyncio.run(main(gateway))


def test_who_is_one_too_many_or_waits_too_long_is_told_when_to_come_back(tmp_path: Path) -> None:
    async def main(gateway: RunningGateway) -> None:
        answers = await asyncio.gather(*(raw(gateway.port, chat(3), within=60) for _ in range(3)))
        parsed = [parse_answers(answer)[0] for answer in answers]
        assert [(one.status, one.json()["error"]["code"]) for one in parsed] == [(503, "pool_starting")] * 3
        assert sorted("2 calls wait" in one.body.decode() for one in parsed) == [False, False, True]
        assert all(int(one.headers["retry-after"]) >= 1 for one in parsed)

    text = pools.config(least=0, start=60, more=", hold: {calls: 2, seconds: 300ms}")
    with serving(tmp_path, text) as gateway:
        asyncio.run(main(gateway))
