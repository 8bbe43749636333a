"""The cache in a running gateway, spoken to over sockets."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from penstock.assemble_cache import binding, pricing
from penstock.cache.store import Shelf
from penstock.config import Config
from penstock.process.loop import run
from penstock.routing.config import RoutingConfig
from tests.support.gateway import ECHO, OPEN_ECHO, Running, ask, running_gateway

CHAT = "/v1/chat/completions"
ADMIN = "/admin/v1/cache"
BODY: dict[str, Any] = {"model": "echo", "temperature": 0, "messages": [{"role": "user", "content": "hi there"}]}


async def ready(gateway: Running) -> Shelf:
    caching = gateway.gateway.caching
    assert caching is not None
    async with asyncio.timeout(20):
        while not caching.shelf.ready:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)
    return caching.shelf


def test_calls_are_answered_from_the_cache_and_deleted_from_it() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO + "store: memory\n") as gateway:
            await ready(gateway)
            first = await ask(gateway.port, "POST", CHAT, [], BODY)
            second = await ask(gateway.port, "POST", CHAT, [], BODY)
            assert (first.headers["x-penstock-cache"], second.headers["x-penstock-cache"]) == ("miss", "hit-exact")
            assert first.body == second.body
            assert 0 <= int(second.headers["age"]) < 60
            assert "x-penstock-upstream" not in second.headers
            told = json.loads((await ask(gateway.port, "GET", ADMIN)).body)
            (row,) = told["entries"]
            assert row["id"] == second.headers["x-penstock-cache-entry"]
            shown = json.loads((await ask(gateway.port, "GET", f"{ADMIN}/{row['id']}")).body)
            assert json.loads(shown["answer"])["model"] == "echo"
            deleted = await ask(gateway.port, "DELETE", f"{ADMIN}/{row['id']}")
            assert json.loads(deleted.body)["deleted"] == 1
            third = await ask(gateway.port, "POST", CHAT, [], BODY)
            assert third.headers["x-penstock-cache"] == "miss"
            absent = await ask(gateway.port, "POST", CHAT, [("x-penstock-cache", "only")], BODY | {"n": 3})
            assert (absent.status, json.loads(absent.body)["error"]["code"]) == (504, "not_cached")

    run(main())


def test_the_admin_routes_want_an_admin_key() -> None:
    async def main() -> None:
        async with running_gateway(ECHO + "store: memory\n") as gateway:
            assert (await ask(gateway.port, "GET", ADMIN)).status == 401
            assert (await ask(gateway.port, "GET", ADMIN, [gateway.bearer])).status == 200

    run(main())


def test_a_reload_keeps_the_answers_but_for_a_model_that_became_another() -> None:
    async def main() -> None:
        text = OPEN_ECHO + "store: memory\n"
        async with running_gateway(text) as gateway:
            shelf = await ready(gateway)
            await ask(gateway.port, "POST", CHAT, [], BODY)
            gateway.path.write_text(text + "cache: {memory: 2MiB, entries: 7}\n")
            assert (await gateway.team.reload())["ok"]
            assert gateway.gateway.ledger.accounts["cache"].bound == 2 * 1024 * 1024
            assert shelf.config.entries == 7
            hit = await ask(gateway.port, "POST", CHAT, [], BODY)
            assert hit.headers["x-penstock-cache"] == "hit-exact"
            other = text.replace("{upstreams: [echo]}", "{upstreams: [echo], upstream_model: other}")
            gateway.path.write_text(other)
            assert (await gateway.team.reload())["ok"]
            miss = await ask(gateway.port, "POST", CHAT, [], BODY)
            assert miss.headers["x-penstock-cache"] == "miss"
            gateway.path.write_text(text + "cache: {exact: {enabled: false}}\n")
            assert (await gateway.team.reload())["ok"]
            assert "x-penstock-cache" not in (await ask(gateway.port, "POST", CHAT, [], BODY)).headers

    run(main())


def test_answers_outlive_the_process() -> None:
    async def main(folder: str) -> None:
        text = OPEN_ECHO + f"store: 'sqlite:{folder}/s.db'\n"
        async with running_gateway(text) as gateway:
            await ready(gateway)
            first = await ask(gateway.port, "POST", CHAT, [], BODY)
        async with running_gateway(text) as gateway:
            await ready(gateway)
            second = await ask(gateway.port, "POST", CHAT, [], BODY)
            assert second.headers["x-penstock-cache"] == "hit-exact"
            assert second.body == first.body

    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        run(main(folder))


def test_a_cut_answer_is_not_kept() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO + "store: memory\n") as gateway:
            await ready(gateway)
            for _ in range(2):
                told = await ask(gateway.port, "POST", CHAT, [], BODY | {"max_tokens": 1})
                assert json.loads(told.body)["choices"][0]["finish_reason"] == "length"
                assert told.headers["x-penstock-cache"] == "miss"

    run(main())


def routing(text: str) -> RoutingConfig:
    return Config.parse(text, "c.yaml", os.environ).of(RoutingConfig)


def test_what_of_a_models_config_shapes_answers() -> None:
    base = "upstreams: {e: {kind: echo}}\nmodels: {'m-*': {upstreams: [e]%s}}\n"
    plain = binding(routing(base % ""))("m-1")
    assert plain is not None
    assert plain[0] == "m-*"
    assert binding(routing(base % ", strategy: round_robin"))("m-1") == plain
    for change in (", upstream_model: x", ", upstream_model: '*'", ", max_tokens: 7"):
        assert binding(routing(base % change))("m-1") != plain
    assert binding(routing(base % ""))("n") is None


def test_prices_of_upstreams_and_of_their_instances() -> None:
    price = pricing(
        routing("upstreams: {e: {kind: echo, price: {input: 2, output: 10}}}\nmodels: {m: {upstreams: [e]}}\n")
    )
    assert price("e") == price("e@10.0.0.1:80") == (2e-6, 1e-5)
    assert price("unknown") == (0.0, 0.0)
