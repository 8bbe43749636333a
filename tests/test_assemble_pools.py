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

WORDS = 300


async def asked(gateway: RunningGateway, question: dict[str, Any], name: str = "pools") -> Any:
    return await ask_gateway(gateway.port, name, question, within=20)


async def want(gateway: RunningGateway, count: int) -> None:
    await asked(gateway, {"do": "want", "wants": {"gpu": {"count": count, "why": "the test says so"}}})


async def ready(gateway: RunningGateway, count: int, besides: str = "") -> list[dict[str, Any]]:
    """The replicas, once so many are ready and no other stands."""
    async with asyncio.timeout(30):
        while True:
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
def test_replicas_are_removed_under_streams_and_no_caller_sees_it(tmp_path: Path, workers: int) -> None:
    async def main(gateway: RunningGateway) -> None:
        await want(gateway, 5)
        await ready(gateway, 5)
        going_on = True
        answers: list[str] = []

        async def caller(stream: bool) -> None:
            while going_on:
                answer = await raw(gateway.port, chat(WORDS if stream else 40, stream=stream), within=60)
                if stream:
                    answers.append(told(answer))
                else:
                    (parsed,) = parse_answers(answer)
                    assert parsed.json()["choices"][0]["message"]["content"] == counted(40), answer

        callers = [asyncio.ensure_future(caller(number % 4 > 0)) for number in range(16)]
        await asyncio.sleep(0.3)
        for count in (1, 5, 1):  # four go, come, and go again
            await want(gateway, count)
            await ready(gateway, count)
        going_on = False
        await asyncio.gather(*callers)
        assert set(answers) == {counted(WORDS)}
        page = await asked(gateway, {}, "metrics")
        moved = re.search(r'penstock_rescues_total\{how="moved"\} (\d+)', page)
        assert moved is not None
        assert int(moved[1]) >= 4
        assert not [line for line in re.findall(r'rescues_total\{how="(\w+)"', page) if line != "moved"]

    with serving(tmp_path, pools.config(workers=workers, gap=0.01)) as gateway:
        asyncio.run(main(gateway))
        assert logged(gateway) == []


def test_one_that_is_killed_in_mid_scale_is_replaced_and_its_streams_go_on(tmp_path: Path) -> None:
    async def main(gateway: RunningGateway) -> None:
        await want(gateway, 2)
        first, second = await ready(gateway, 2)
        calls = [asyncio.ensure_future(raw(gateway.port, chat(WORDS), within=60)) for _ in range(6)]
        await asyncio.sleep(0.5)
        await want(gateway, 4)
        found = re.findall(r"(gpu-\d+) is ready after .* \(pid (\d+)", (gateway.home / "log").read_text())
        os.kill(int(dict(found)[first["name"]]), signal.SIGKILL)
        assert [told(answer) for answer in await asyncio.gather(*calls)] == [counted(WORDS)] * 6
        replicas = await ready(gateway, 4, besides=first["name"])
        assert second["name"] in [one["name"] for one in replicas]

    with serving(tmp_path, pools.config(gap=0.01)) as gateway:
        asyncio.run(main(gateway))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_call_wakes_a_pool_that_sleeps_and_is_held_until_it_is_served(tmp_path: Path, workers: int) -> None:
    async def main(gateway: RunningGateway) -> None:
        calls = [asyncio.ensure_future(raw(gateway.port, chat(3), within=60)) for _ in range(3)]
        assert [told(answer) for answer in await asyncio.gather(*calls)] == [counted(3)] * 3
        await ready(gateway, 1)

    text = pools.config(workers=workers, least=0, start=0.3)
    with serving(tmp_path, text) as gateway:
        asyncio.run(main(gateway))
        assert logged(gateway) == []


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


def test_a_reload_that_takes_the_pool_away_lets_its_streams_end(tmp_path: Path) -> None:
    async def main(gateway: RunningGateway) -> None:
        await ready(gateway, 1)
        call = asyncio.ensure_future(raw(gateway.port, chat(WORDS), within=60))
        await asyncio.sleep(0.3)
        (tmp_path / "penstock.yaml").write_text(
            "auth: {mode: open}\nupstreams: {e: {kind: echo}}\nmodels: {m: {upstreams: [e]}}\n"
        )
        assert (await asked(gateway, {}, "reload"))["ok"]
        assert (await asked(gateway, {"do": "standing"})) == {"pools": {}}
        assert told(await call) == counted(WORDS)

    with serving(tmp_path, pools.config(gap=0.005)) as gateway:
        asyncio.run(main(gateway))
