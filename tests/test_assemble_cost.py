"""What calls cost, over whole gateways: each is paid for once, and the ledger says what the journal says."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.process.loop import run
from tests.support.gateway import ECHO, OPEN_ECHO, Running, ask, running_gateway
from tests.support.needs import missing
from tests.support.priced_upstream import CHAT, PricedUpstream
from tests.support.redis_server import RedisServer, redis_running
from tests.support.running_gateway import RunningGateway
from tests.support.running_gateway import running_gateway as serving_process
from tests.support.sockets import Answer
from tests.support.spending import CONFIG, chat, check_paid_once, journal, ledger, micro, sent, sums, told, traffic
from tests.support.whole import until


@pytest.fixture
def redis(redis_server: str, tmp_path: Path) -> Iterator[RedisServer]:
    if importlib.util.find_spec("redis") is None:
        missing("the extra redis is not installed")
    with redis_running(redis_server, tmp_path) as running:
        yield running


def agree(gateway: RunningGateway) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the ledger and the journal say once all of both is stored."""

    def stored() -> bool:
        answer = asyncio.run(told(gateway.port, "/admin/v1/cost"))
        rows = asyncio.run(journal(gateway.port))
        found[:] = [answer, rows]
        return ledger(answer)[0] == len(rows)

    found: list[Any] = []
    until(stored, seconds=40)
    return found[0], found[1]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("cost", ["first_pays", "split"])
def test_the_ledger_is_the_journal_to_the_micro_dollar_and_each_call_is_paid_for_once(
    workers: int, cost: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store = f"sqlite:{tmp_path}/s.sqlite" if workers == 1 else request.getfixturevalue("redis").url
    options = ("--workers", str(workers))
    with PricedUpstream(0.05) as up:
        text = CONFIG.format(store=store, url=up.url, cost=cost, more="")
        with serving_process(tmp_path, text, None, *options) as gateway:
            until(lambda: asyncio.run(sent(gateway.port, CHAT, chat("m", "ready", temperature=0))).headers[
                "x-penstock-cache"] == "hit-exact")  # fmt: skip
            asyncio.run(traffic(gateway.port, random.Random(3)))
            answer, rows = agree(gateway)
            assert ledger(answer) == sums(rows)
            for by in ("key", "model", "upstream", "hour", "day"):
                gathered = asyncio.run(told(gateway.port, f"/admin/v1/cost?by={by}"))
                assert sum(row["cost"] for row in gathered["rows"]) == answer["total"]["cost"]
            check_paid_once(up, rows, workers)
            ways = answer["total"]["saved"]
            assert all(ways[how] > 0 for how in ("cache", "coalescing", "batching", "routing", "prompt_cache")), ways


def at(act: Any, text: str = OPEN_ECHO) -> None:
    async def main() -> None:
        async with running_gateway(text) as gateway, asyncio.timeout(30):
            await act(gateway)

    run(main())


def priced(price: str, more: str = "auth: {mode: open}\n") -> str:
    return ECHO.replace("kind: echo", f"kind: echo, price: {{{price}}}") + more


async def cost(gateway: Running, query: str = "") -> dict[str, Any]:
    answer = await ask(gateway.port, "GET", f"/admin/v1/cost?{query}", [gateway.bearer] if gateway.key else [])
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


async def asked(gateway: Running, said: str = "hello there", **more: Any) -> Answer:
    return await ask(gateway.port, "POST", CHAT, [gateway.bearer] if gateway.key else [], chat("echo", said, **more))


def test_the_ledger_knows_whose_call_it_was_and_never_its_key() -> None:
    async def act(gateway: Running) -> None:
        await asked(gateway)
        (row,) = (await cost(gateway, "by=key"))["rows"]
        (listed,) = (await ask(gateway.port, "GET", "/admin/v1/journal", [gateway.bearer])).json()["rows"][:1]
        assert row["name"] == listed["key"] != ""
        assert gateway.key not in json.dumps(await cost(gateway, "by=key"))
        stranger = await ask(gateway.port, "GET", "/admin/v1/cost")
        assert stranger.status == 401

    at(act, priced("input: 3", ""))


def test_a_price_that_changes_in_mid_call_is_that_of_its_beginning() -> None:
    async def act(gateway: Running) -> None:
        slow = asyncio.create_task(asked(gateway, "one two three four", stream=True))
        async with asyncio.timeout(20):
            while not gateway.gateway.in_flight():  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.002)
        gateway.path.write_text(text.replace("output: 1000", "output: 5000"))
        assert (await gateway.team.reload())["ok"]
        await asked(gateway, "four more are here")
        await slow
        first, second = (await ask(gateway.port, "GET", "/admin/v1/journal")).json()["rows"]
        told = {row["stream"]: micro(row["cost"]) // row["tokens_out"] for row in (first, second)}
        assert told == {True: 1000, False: 5000}

    text = priced("output: 1000").replace("kind: echo", "kind: echo, tokens_per_second: 20")
    at(act, text)


def test_an_unknown_price_is_refused_before_anything_is_asked_where_that_is_wanted() -> None:
    async def act(gateway: Running) -> None:
        answer = await ask(gateway.port, "POST", CHAT, [], chat("gone", "x"))
        assert (answer.status, answer.json()["error"]["code"]) == (400, "price_unknown")
        assert "cost.prices" in answer.json()["error"]["message"]
        assert (await asked(gateway)).status == 200
        (row, _) = (await ask(gateway.port, "GET", "/admin/v1/journal")).json()["rows"]
        assert (row["error"], row["attempts"]) == ("price_unknown", 0)

    at(act, """
upstreams: {echo: {kind: echo}, gone: {kind: openai, base_url: "http://127.0.0.1:9/v1", api_key: k}}
models: {echo: {upstreams: [echo]}, gone: {upstreams: [gone]}}
cost: {unknown: refuse}
auth: {mode: open}
""")  # fmt: skip


def test_an_upstream_paid_by_the_second_is_shared_and_its_rest_is_idle() -> None:
    async def act(gateway: Running) -> None:
        before = gateway.gateway.clock.now()
        await asyncio.gather(*(asked(gateway, "a b c", stream=True) for _ in range(4)))
        answer = await cost(gateway)
        passed = gateway.gateway.clock.now() - before
        spent, idle = answer["total"]["cost"], answer["idle"]["echo"]
        assert spent > 0
        assert idle > 0
        assert spent <= passed * 1e6
        longest = max(
            row["total_seconds"] for row in (await ask(gateway.port, "GET", "/admin/v1/journal")).json()["rows"]
        )
        assert spent <= 1.5e6 * longest, "four at once pay for their time once"

    at(act, priced("second: 1").replace("kind: echo", "kind: echo, tokens_per_second: 30"))


def test_csv_is_told_as_such_and_holds_no_formula() -> None:
    async def act(gateway: Running) -> None:
        await ask(gateway.port, "POST", CHAT, [("x-penstock-tags", "=cmd|' /C calc'!A0")], chat("echo", "x"))
        answer = await ask(gateway.port, "GET", "/admin/v1/cost?by=tag&format=csv")
        assert answer.headers["content-type"].startswith("text/csv")
        assert "\n'=cmd|" in answer.body.decode().replace("\r", "")

    at(act, priced("input: 3"))


def test_wrong_questions_are_refused() -> None:
    async def act(gateway: Running) -> None:
        for path in ("/admin/v1/cost?by=colour", "/admin/v1/cost?since=never", "/admin/v1/cost?x=1"):
            answer = await ask(gateway.port, "GET", path)
            assert (answer.status, answer.json()["error"]["code"]) == (400, "bad_query")
        assert (await ask(gateway.port, "POST", "/admin/v1/cost/reset")).status == 404

    at(act)


def test_spending_outlives_the_process(tmp_path: Path) -> None:
    text = priced("input: 3", f"auth: {{mode: open}}\nstore: 'sqlite:{tmp_path}/s.sqlite'\n")
    totals: list[int] = []

    async def first(gateway: Running) -> None:
        await asked(gateway)  # the end alone stores it

    async def second(gateway: Running) -> None:
        await asked(gateway)
        totals.append((await cost(gateway))["total"]["cost"])
        totals.append(sums((await ask(gateway.port, "GET", "/admin/v1/journal")).json()["rows"])[1])

    at(first, text)
    at(second, text)
    assert totals[0] == totals[1] > 0


def test_it_may_be_switched_off() -> None:
    async def act(gateway: Running) -> None:
        await asked(gateway)
        assert (await cost(gateway))["total"]["cost"] == 0

    at(act, priced("input: 3", "auth: {mode: open}\ncost: {enabled: false}\n"))


def test_what_was_spent_is_on_the_metrics_page() -> None:
    async def act(gateway: Running) -> None:
        await asked(gateway)
        wanted, page = 'penstock_cost_dollars_total{model="echo",upstream="echo"} ', ""
        async with asyncio.timeout(20):
            while wanted not in page:
                page = (await ask(gateway.port, "GET", "/metrics")).body.decode()
        assert 'penstock_saved_dollars_total{how="cache"} 0' in page

    at(act, priced("input: 3"))
