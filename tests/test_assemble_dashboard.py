"""What is told live of a gateway that serves, and what it costs while nobody looks."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock import assemble_dashboard
from penstock.core.windows import Group, Window
from penstock.process.loop import run
from tests.faults.upstream import refusing_port
from tests.support.gateway import Running, ask, running_gateway
from tests.support.running_gateway import running_gateway as in_processes
from tests.support.sockets import ask as asked
from tests.support.whole import admin, config

BODY: dict[str, Any] = {"model": "gone", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def half_dead() -> Iterator[str]:
    with refusing_port() as port:
        yield (
            f"upstreams: {{echo: {{kind: echo}}, dead: {{kind: openai, base_url: 'http://127.0.0.1:{port}/v1'}}}}\n"
            "models: {gone: {upstreams: [dead]}, echo: {upstreams: [echo]}}\nstore: memory\nretries: {max: 0}\n"
            "health: {breaker: {open: 30s}}\n"
        )


async def live(gateway: Running) -> Any:
    return (await ask(gateway.port, "GET", "/admin/v1/live?once", [gateway.bearer])).json()


def test_a_dead_upstream_is_seen_and_whose_fault_it_is(half_dead: str) -> None:
    async def main() -> None:
        async with running_gateway(half_dead) as gateway, asyncio.timeout(40):
            for _ in range(6):
                await ask(gateway.port, "POST", "/v1/chat/completions", [gateway.bearer], BODY)
            await ask(gateway.port, "POST", "/v1/chat/completions", [gateway.bearer], BODY | {"model": "nowhere"})
            told = await live(gateway)
            assert (told["calls"], told["faults"]) == (7, {"caller": 1, "gateway": 0, "upstream": 6})
            assert {"fault": "upstream", "upstream": "dead", "calls": 5} in told["blamed"]
            worst = told["upstreams"][0]
            assert (worst["name"], worst["state"]) == ("dead", "open")
            assert 0 < worst["returns_at"] - told["at"] <= 60
            assert told["unserved"] == ["gone"]

    run(main())


def test_findings_and_percentiles_are_the_leaders(half_dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble_dashboard, "KEPT_SECONDS", 0.0)

    async def main() -> None:
        async with running_gateway(half_dead) as gateway, asyncio.timeout(40):
            watching = gateway.gateway.watching
            assert watching is not None

            async def anomalies(question: dict[str, Any]) -> dict[str, Any]:
                return {"open": [{"id": "a1", "end": None}], "closed": []}

            async def broken(question: dict[str, Any]) -> dict[str, Any]:
                raise ValueError("not today")

            async def cost(question: dict[str, Any]) -> dict[str, Any]:
                assert (question["by"], int(question["since"]) % 86_400) == ("hour", 0)
                rows = [{"cost": 5}, {"cost": 7}]
                return {"rows": rows, "total": {"cost": 12, "saved": {"cache": 2, "routing": 1}}}

            watching.answers |= {"anomalies": anomalies, "alerts": broken, "cost": cost}
            for taker in watching.takers:
                taker(Window(0.0, groups=[Group("chat", "echo", "echo", calls=3, totals={0: 3})]))
            told = await gateway.gateway.dashboard.pulse(False)
            assert told["leads"]["anomalies"] == [{"id": "a1", "end": None}]
            assert "alerts" not in told["leads"]
            assert told["leads"]["spend"] == {"today": 12, "hour": 7, "saved": 3}
            assert {"alerts", "anomalies"} <= set(told["leads"]["parts"])
            assert [(row["model"], row["calls"]) for row in told["leads"]["models"]] == [("echo", 3)]

    run(main())


def test_pools_are_told_anew_each_time(half_dead: str) -> None:
    pools = "scaling: {interval: 1m, pools: {echo: {min: 1, max: 4, signal: {}}}}\n"

    async def main() -> None:
        async with running_gateway(half_dead + pools) as gateway, asyncio.timeout(40):
            assert (await live(gateway))["pools"]["echo"]["held"] is False
            await ask(gateway.port, "POST", "/admin/v1/scaling/want", [gateway.bearer], {"pool": "echo", "count": 3})
            told = (await gateway.gateway.dashboard.pulse(False))["leads"]["pools"]["echo"]
            assert told["held"], "findings are asked for seldom, pools are not"

    run(main())


def test_nothing_is_computed_while_nobody_looks(half_dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with running_gateway(half_dead) as gateway, asyncio.timeout(40):
            looked: list[str] = []
            monkeypatch.setattr(assemble_dashboard, "health_of", lambda *_: looked.append("looked"))
            for _ in range(3):
                await ask(gateway.port, "POST", "/v1/chat/completions", [gateway.bearer], BODY)
            gateway.gateway.write_down()
            assert looked == []
            assert gateway.gateway.dashboard._running is None

    run(main())


def test_a_session_counts_at_all_workers_and_ends_at_all(tmp_path: Path) -> None:
    with in_processes(tmp_path, config(), None, "--workers", "2") as gateway:

        async def main() -> None:
            own = ("x-penstock-ui", "1")
            opened = await asked(gateway.port, "POST", "/ui/session", [own], {"key": gateway.key})
            mine = [own, ("Cookie", opened.headers["set-cookie"].partition(";")[0])]
            workers = set[str]()
            async with asyncio.timeout(40):
                while len(workers) < 2:
                    one = await asked(gateway.port, "GET", "/admin/v1/keys", mine)
                    assert one.status == 200
                    workers.add(one.headers["x-request-id"].removeprefix("req_")[0])
            assert workers == {"0", "1"}
            await asked(gateway.port, "DELETE", "/ui/session", mine)
            assert {(await asked(gateway.port, "GET", "/admin/v1/keys", mine)).status for _ in range(12)} == {401}

        asyncio.run(main())
        assert admin(gateway, "/admin/v1/live?once")["workers"] == 2
