"""Probes of a running worker, on real sockets: who is probed, what follows from it, and that reloads are survived."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from penstock import assemble_health
from penstock.routing.service import Pace
from tests.support.gateway import Running, ask, running_gateway
from tests.support.scripted_upstream import Answer, Request, ScriptedUpstream

CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
PROBE = "interval: 100ms, timeout: 100ms"


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as scripted:
        scripted.answers["/health"] = Answer()
        scripted.answers[CHAT] = Answer()
        yield scripted


def config(upstream: ScriptedUpstream, probe: str = PROBE, kind: str = "vllm", more: str = "") -> str:
    return (
        "auth: {mode: open}\nhealth: {slow_start: 0s}\n"
        f'upstreams: {{up: {{kind: {kind}, base_url: "{upstream.url}", health: {{{probe}}}}}}}\n'
        f"models: {{m: {{upstreams: [up]}}}}\n{more}"
    )


async def until(true: Callable[[], Any], within: float = 30.0) -> None:
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


def state(gateway: Running) -> str:
    return str(gateway.gateway.dump()["health"]["upstreams"]["up"]["state"])


def probes(upstream: ScriptedUpstream, path: str = "/health") -> int:
    return sum(request.target == path for request in list(upstream.requests))


def hang(connection: socket.socket, request: Request) -> None:
    time.sleep(1.0)


def nonsense(connection: socket.socket, request: Request) -> None:
    connection.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")


def huge(connection: socket.socket, request: Request) -> None:
    connection.sendall(b"HTTP/1.1 503 x\r\ncontent-length: 100000000\r\n\r\n")
    while True:
        connection.sendall(bytes(65536))


@pytest.mark.parametrize("act", [hang, nonsense, Answer(503)])
def test_what_fails_its_probes_is_out_of_use_until_one_goes_well(upstream: ScriptedUpstream, act: Any) -> None:
    async def main() -> None:
        async with running_gateway(config(upstream, PROBE + ", bad: 2")) as gateway:
            await until(lambda: probes(upstream) >= 1)
            assert state(gateway) == "closed"
            upstream.answers["/health"] = act
            await until(lambda: state(gateway) == "sick")
            upstream.answers["/health"] = Answer()
            await until(lambda: state(gateway) == "closed")
            assert 'penstock_upstream_ejections_total{upstream="up"} 1' in await gateway.team.metrics()

    asyncio.run(main())


def test_nothing_of_what_a_probe_meets_is_held(upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten endless pages: each is given up at its bound, and its connection closed. They say nothing of calls."""
    upstream.answers["/health"] = huge
    patient = lambda interval, timeout, bad: Pace(interval, 10.0, bad)  # noqa: E731 - the bound ends it, no deadline
    monkeypatch.setattr(assemble_health, "Pace", patient)

    async def main() -> None:
        async with running_gateway(config(upstream, "interval: 50ms, timeout: 50ms")) as gateway:
            await until(lambda: probes(upstream) >= 10)
            await until(lambda: gateway.gateway.dump()["upstreams"]["up"][2] <= 1)
            assert state(gateway) == "closed"

    asyncio.run(main())


def test_a_single_upstream_that_only_fails_probes_is_still_asked(upstream: ScriptedUpstream) -> None:
    upstream.answers["/health"] = Answer(503)

    async def main() -> None:
        async with running_gateway(config(upstream)) as gateway:
            await until(lambda: state(gateway) == "sick")
            assert (await ask(gateway.port, "POST", CHAT, [], BODY)).status == 200

    asyncio.run(main())


@pytest.mark.parametrize(
    ("probe", "kind", "path"),
    [
        (f"probe: path, path: /ready, {PROBE}", "openai", "/ready"),
        (f"probe: models, {PROBE}", "vllm", "/v1/models"),
        (f"probe: auto, {PROBE}", "ollama", "/v1/models"),
        (f"probe: token, {PROBE}", "openai", CHAT),
        (f"probe: token, {PROBE}", "anthropic", "/v1/messages"),
    ],
)
def test_what_is_asked(upstream: ScriptedUpstream, probe: str, kind: str, path: str) -> None:
    upstream.answers[path] = Answer()

    async def main() -> None:
        async with running_gateway(config(upstream, probe, kind)) as gateway:
            await until(lambda: gateway.gateway.dump()["health"]["upstreams"]["up"]["probes"].get("well", 0) >= 1)

    asyncio.run(main())
    assert {request.target for request in upstream.requests} == {path}


@pytest.mark.parametrize(
    ("probe", "kind", "more"),
    [(PROBE, "openai", ""), (f"probe: off, {PROBE}", "vllm", ""), (PROBE, "vllm", ", probes: off")],
)
def test_who_is_not_probed(upstream: ScriptedUpstream, probe: str, kind: str, more: str) -> None:
    text = config(upstream, probe, kind).replace("slow_start: 0s", f"slow_start: 0s{more}")

    async def main() -> None:
        async with running_gateway(text) as gateway:
            await asyncio.sleep(0.3)
            assert repr(gateway.gateway.watch) == "<Watch over 0 upstreams>"

    asyncio.run(main())
    assert upstream.requests == []


def test_a_reload_keeps_the_probers_of_what_stays_and_ends_those_of_what_goes(upstream: ScriptedUpstream) -> None:
    async def main() -> None:
        async with running_gateway(config(upstream)) as gateway:
            watch = gateway.gateway.watch
            ((_, prober),) = watch._probers.items()
            gateway.path.write_text(config(upstream, more="retries: {max: 1}\n"))
            assert (await gateway.team.reload())["ok"]
            assert [*watch._probers.values()] == [prober]
            before = probes(upstream)
            await until(lambda: probes(upstream) > before)
            gateway.path.write_text("auth: {mode: open}\nupstreams: {e: {kind: echo}}\nmodels: {m: {upstreams: [e]}}\n")
            assert (await gateway.team.reload())["ok"]
            before = probes(upstream)
            await asyncio.sleep(0.55)
            assert probes(upstream) <= before + 1  # one may have been under way
            assert watch._probers == {}

    asyncio.run(main())


def test_a_token_is_asked_of_the_model_that_leads_there_now(upstream: ScriptedUpstream) -> None:
    def bodies() -> str:
        return "".join(request.body.decode() for request in list(upstream.requests))

    async def main() -> None:
        text = config(upstream, f"probe: token, {PROBE}")
        async with running_gateway(text) as gateway:
            await until(lambda: '"m"' in bodies())
            gateway.path.write_text(text.replace("models: {m:", "models: {n:"))
            assert (await gateway.team.reload())["ok"]
            await until(lambda: '"n"' in bodies())

    asyncio.run(main())


def test_rules_that_change_hold_for_upstreams_that_stay(upstream: ScriptedUpstream) -> None:
    upstream.answers[CHAT] = Answer(500)

    async def main() -> None:
        text = config(upstream, "probe: off", more="retries: {max: 0, budget: 0.5}\n")
        async with running_gateway(text) as gateway:
            (target,) = gateway.gateway.upstreams.targets
            budget = gateway.gateway.upstreams.budget("m")
            assert budget.share == 0.5
            quick = text.replace("slow_start: 0s", "slow_start: 0s, breaker: {failures: 1, open: 30s}")
            quick = quick.replace("0.5", "0.1")
            gateway.path.write_text(quick)
            assert (await gateway.team.reload())["ok"]
            assert gateway.gateway.upstreams.targets == [target]
            assert (gateway.gateway.upstreams.budget("m"), budget.share) == (budget, 0.1)
            assert (await ask(gateway.port, "POST", CHAT, [], BODY)).status == 500
            answer = await ask(gateway.port, "POST", CHAT, [], BODY)
            assert (answer.status, answer.json()["error"]["code"]) == (503, "no_upstream")
            assert "up: open" in answer.json()["error"]["message"]
            assert int(answer.headers["retry-after"]) >= 1

    asyncio.run(main())
