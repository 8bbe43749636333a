"""Instances that come while others serve: their prompt caches filled first, their share growing."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from penstock.process.loop import run
from tests.net.upstream import Line, Upstream, scripted
from tests.support.gateway import Running, ask, running_gateway

PATH = "/v1/chat/completions"
SYSTEM = "Answer as a lock keeper would, and never of the weather. " * 40
ANSWER = json.dumps(
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Aye."}, "finish_reason": "stop"}]}
).encode()


def text(*ports: int, more: str = "", kind: str = "vllm") -> str:
    ups = ", ".join(
        f'u{at}: {{kind: {kind}, base_url: "http://127.0.0.1:{port}/v1", metrics: off}}'
        for at, port in enumerate(ports)
    )
    names = ", ".join(f"u{at}" for at in range(len(ports)))
    return (
        f"upstreams: {{{ups}}}\nmodels: {{m: {{upstreams: [{names}], upstream_model: real}}}}\nstore: memory\n"
        f"health: {{probes: off, slow_start: 60s}}\ncache: {{exact: {{enabled: false}}}}\n{more}\n"
    )


async def answers(line: Line) -> None:
    while True:
        await line.request()
        line.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
        )


def sent(upstream: Upstream) -> list[Any]:
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in upstream.requests]


async def call(running: Running, user: str) -> None:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}]
    body = json.dumps({"model": "m", "messages": messages}).encode()
    answer = await ask(running.port, "POST", PATH, [running.bearer, ("content-type", "application/json")], body)
    assert answer.status == 200, answer


async def joined(running: Running, *ports: int, **more: Any) -> None:
    key_file = running.path.read_text().splitlines()[-1]
    running.path.write_text(text(*ports, **more) + key_file)
    assert (await running.team.reload())["ok"]


async def until(true: Any) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def test_a_newcomer_computes_what_calls_begin_with_and_then_its_share_grows() -> None:
    async def main() -> None:
        gate = asyncio.Event()

        async def slowly(line: Line) -> None:
            await gate.wait()
            await answers(line)

        async with scripted(answers) as old, scripted(slowly) as new, running_gateway(text(old.port)) as running:
            for turn in range(3):
                await call(running, f"secret {turn}")
            await joined(running, old.port, new.port)
            target = next(one for one in running.gateway.upstreams.targets if one.name == "u1")
            first = next(one for one in running.gateway.upstreams.targets if one.name == "u0")
            now = running.gateway.clock.now()
            assert (target.health.share(now), first.health.share(now)) == (0.1, 1.0)
            assert target.health.share(now + 55.0) == 0.1  # as long as it is not prepared
            gate.set()
            await until(lambda: target.health.since <= running.gateway.clock.now())
            assert sent(new) == [
                {
                    "model": "real",
                    "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "."}],
                    "max_tokens": 1,
                    "temperature": 0,
                }
            ]
            since = target.health.since
            assert (target.health.share(since), target.health.share(since + 61.0)) == (0.1, 1.0)
            # Settings that change make another target of it, but the server is the same: nothing to come in slowly.
            await joined(running, old.port, new.port, more="timeouts: {idle: 29s}")
            renewed = [one for one in running.gateway.edition.targets if one.name == "u1"]
            assert renewed != [target]
            assert renewed[0].health.share(running.gateway.clock.now()) == 1.0

    run(main())


def test_one_that_fails_takes_part_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async def refuses(line: Line) -> None:
            await line.request()
            line.send(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")

        async with scripted(answers) as old, scripted(refuses) as new, running_gateway(text(old.port)) as running:
            for turn in range(2):
                await call(running, str(turn))
            await joined(running, old.port, new.port)
            await until(lambda: "takes part without its prompt cache filled: it answered 500" in caplog.text)
            target = next(one for one in running.gateway.upstreams.targets if one.name == "u1")
            await until(lambda: target.health.since <= running.gateway.clock.now())

    run(main())


@pytest.mark.parametrize(("more", "number"), [("", 0), ("warmup: {prefixes: {paid: true}}", 1)])
def test_nothing_is_sent_where_it_is_paid_for_unless_wished(more: str, number: int) -> None:
    async def main() -> None:
        async with scripted(answers) as old, scripted(answers) as new:
            async with running_gateway(text(old.port, kind="openai", more=more)) as running:
                for turn in range(2):
                    await call(running, str(turn))
                await joined(running, old.port, new.port, kind="openai", more=more)
                target = next(one for one in running.gateway.upstreams.targets if one.name == "u1")
                await until(lambda: target.health.since <= running.gateway.clock.now())
                assert target.health.share(target.health.since) == 0.1
                assert len(new.requests) == number

    run(main())


def test_prompts_from_files_are_sent_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "keeper.txt").write_text(SYSTEM)
    more = f"warmup: {{prefixes: {{files: [{tmp_path / 'keeper.txt'}]}}}}"

    async def main() -> None:
        async with scripted(answers) as upstream, running_gateway(text(upstream.port, more=more)) as running:
            assert not [row for row in await running.gateway.warm.profile(10.0) if row[3]]
            (asked,) = sent(upstream)
            assert (asked["messages"][0]["content"], asked["max_tokens"]) == (SYSTEM, 1)

    run(main())
