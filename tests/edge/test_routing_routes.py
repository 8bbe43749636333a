import asyncio
import json
from typing import Any

import pytest

from penstock.process.loop import run
from tests.support.gateway import Running, ask, running_gateway
from tests.support.sockets import Answer

FILE = """
upstreams: {a: {kind: echo}, b: {kind: echo}, slow: {kind: echo, tokens_per_second: 20}}
models: {m: {upstreams: [a, b], strategy: round_robin}, s: {upstreams: [slow, a], strategy: least_connections}}
observe: {routes: 50}
"""
CALL = {"model": "m", "messages": [{"role": "user", "content": "one two three"}]}


def at(act: Any, text: str = FILE) -> Any:
    async def main() -> Any:
        async with running_gateway(text) as gateway, asyncio.timeout(20):
            return await act(gateway)

    return run(main())


async def admin(gateway: Running, method: str, path: str, body: Any = b"", within: float = 20.0) -> Answer:
    return await ask(gateway.port, method, f"/admin/v1{path}", [gateway.bearer], body, within)


async def call(gateway: Running, **more: Any) -> Answer:
    return await ask(gateway.port, "POST", "/v1/chat/completions", [gateway.bearer], {**CALL, **more})


async def begun(gateway: Running, name: str) -> None:
    """Wait until a call has been sent to ``name``."""
    while not (await served(gateway))[name]:  # noqa: ASYNC110 - nothing here tells of it
        await asyncio.sleep(0.01)


async def served(gateway: Running) -> dict[str, int]:
    rows = (await admin(gateway, "GET", "/upstreams")).json()["upstreams"]
    return {row["name"]: row["served"] for row in rows}


def test_the_list_with_all_that_is_known_of_each() -> None:
    async def act(gateway: Running) -> None:
        await call(gateway)
        told = (await admin(gateway, "GET", "/upstreams?victim=m")).json()
        assert [row["name"] for row in told["upstreams"]] == ["a", "b", "slow"]
        row = told["upstreams"][0]
        assert (row["kind"], row["weight"], row["models"], row["in_flight"]) == ("echo", 1, ["m", "s"], 0)
        assert (row["served"], row["draining"], row["region"], row["sessions"]) == (1, False, None, 0)
        assert told["live"] == []
        assert told["victim"] == {"upstream": "a", "loss": 0.0, "drained": False}
        assert (await admin(gateway, "GET", "/upstreams")).json().keys() == {"upstreams", "live"}
        one = await admin(gateway, "GET", "/upstreams/slow")
        assert (one.status, one.json()["name"]) == (200, "slow")
        assert (await admin(gateway, "GET", "/upstreams/nobody")).status == 404

    at(act)


def test_a_drained_upstream_gets_no_new_calls_and_is_told_to_be_empty() -> None:
    async def act(gateway: Running) -> None:
        told = await admin(gateway, "POST", "/upstreams/b/drain")
        assert (told.status, told.json()["ok"], told.json()["upstream"]["drained"]) == (200, True, True)
        for _ in range(6):
            assert (await call(gateway)).status == 200
        assert await served(gateway) == {"a": 6, "b": 0, "slow": 0}
        assert not (await admin(gateway, "POST", "/upstreams/b/undrain")).json()["upstream"]["draining"]
        for _ in range(4):
            await call(gateway)
        assert (await served(gateway))["b"] == 2

    at(act)


def test_it_is_waited_for_until_the_last_call_has_ended() -> None:
    async def act(gateway: Running) -> None:
        await admin(gateway, "POST", "/upstreams/a/drain")
        running = asyncio.ensure_future(
            call(gateway, model="s", stream=True, messages=[{"role": "user", "content": "w " * 12}])
        )
        await begun(gateway, "slow")
        await admin(gateway, "POST", "/upstreams/a/undrain")
        early = (await admin(gateway, "POST", "/upstreams/slow/drain?wait=50ms")).json()["upstream"]
        assert (early["draining"], early["drained"], early["in_flight"]) == (True, False, 1)
        late = (await admin(gateway, "POST", "/upstreams/slow/drain?wait=30s")).json()["upstream"]
        assert (late["drained"], late["in_flight"]) == (True, 0)
        answer = await running
        assert answer.body.endswith(b"data: [DONE]\n\n")  # drained, not cut
        assert answer.body.count(b'"content":') >= 12

    at(act)


def test_added_weighed_and_taken_out_while_a_call_runs_there() -> None:
    async def act(gateway: Running) -> None:
        new = {"kind": "echo", "tokens_per_second": 20, "models": ["m"], "weight": 2}
        told = await admin(gateway, "PUT", "/upstreams/c", new)
        assert (told.status, told.json()["upstream"]["models"], told.json()["upstream"]["weight"]) == (200, ["m"], 2)
        assert (await admin(gateway, "PUT", "/upstreams/c", {"weight": 5})).json()["upstream"]["weight"] == 5
        for name in ("a", "b"):
            await admin(gateway, "POST", f"/upstreams/{name}/drain")
        words = [{"role": "user", "content": "w " * 10}]
        running = asyncio.ensure_future(call(gateway, stream=True, messages=words))
        await begun(gateway, "c")
        gone = (await admin(gateway, "DELETE", "/upstreams/c?wait=10s")).json()
        assert (gone["ok"], gone["upstream"]["models"], gone["upstream"]["drained"]) == (True, [], True)
        assert (await running).body.endswith(b"data: [DONE]\n\n")
        assert set(await served(gateway)) == {"a", "b", "slow"}

    at(act)


def test_counts_and_what_was_learned_outlive_a_change_of_weight() -> None:
    async def act(gateway: Running) -> None:
        for _ in range(4):
            await call(gateway)
        (target,) = [one for one in gateway.gateway.upstreams.targets if one.name == "a"]
        assert (await admin(gateway, "PUT", "/upstreams/a", {"weight": 3})).json()["upstream"]["served"] == 2
        assert target in gateway.gateway.upstreams.targets
        assert target.weight == 3
        sizes = gateway.gateway.upstreams.sizes("m")
        assert sizes.output != 128.0
        assert (await admin(gateway, "POST", "/upstreams/a/reset")).json()["upstream"]["weight"] == 1
        assert gateway.gateway.upstreams.sizes("m") is sizes

    at(act)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("PUT", "/upstreams/a", {"weight": 0}, 422, "upstreams.a.weight"),
        ("PUT", "/upstreams/a", {"weigth": 1}, 422, "weigth"),
        ("PUT", "/upstreams/a", b"nope", 400, "JSON object"),
        ("PUT", "/upstreams/a", b"\xff", 400, "UTF-8"),
        ("PUT", "/upstreams/a", b'"' + b"x" * 70_000 + b'"', 413, "65536"),
        ("PUT", "/upstreams/a", {"kind": "echo"}, 409, "config file"),
        ("PUT", "/upstreams/c", {"kind": "local"}, 422, "upstreams.c.kind"),
        ("PUT", "/upstreams/c", {"kind": "vllm", "base_url": "http://169.254.169.254/"}, 422, "upstreams.c.base_url"),
        ("PUT", "/upstreams/c", {"kind": "echo", "models": ["x"]}, 422, "unknown model"),
        ("PUT", "/upstreams/c%20d", {"kind": "echo"}, 422, "upstream name"),
        ("PUT", "/upstreams/", {"kind": "echo"}, 422, "upstream name"),
        ("POST", "/upstreams/x/drain", b"", 404, "no upstream"),
        ("POST", "/upstreams/a/drain?wait=soon", b"", 400, "wait"),
        ("POST", "/upstreams/a/explode", b"", 404, "nothing at"),
        ("POST", "/upstreams/a/drain/x", b"", 404, "nothing at"),
        ("POST", "/upstreams/a", b"", 405, "POST is not offered"),
        ("GET", "/upstreams/a/drain", b"", 405, "use POST"),
        ("PATCH", "/upstreams/a", {"weight": 1}, 405, "PATCH"),
        ("POST", "/upstreams", {"weight": 1}, 405, "POST"),
        ("GET", "/upstreams?" + "&".join(f"a{n}=1" for n in range(20)), b"", 400, "too many"),
        ("GET", "/upstreams?victim=mm", b"", 404, "unknown model"),
        ("GET", "/routes?last=x", b"", 400, "last"),
        ("POST", "/routes", {"model": "none"}, 404, "does not exist"),
        ("POST", "/routes?operation=files", CALL, 400, "not routed by a model"),
        ("POST", "/routes", b"[", 400, "JSON"),
    ],
)
def test_bad_input_changes_nothing(method: str, path: str, body: Any, status: int, said: str) -> None:
    async def act(gateway: Running) -> None:
        before = gateway.team.spec
        answer = await admin(gateway, method, path, body)
        assert (answer.status, said in answer.body.decode()) == (status, True), answer.body
        assert gateway.team.spec == before

    at(act)


DOORS = (
    ("GET", "/upstreams"), ("GET", "/upstreams/a"), ("PUT", "/upstreams/a"), ("DELETE", "/upstreams/a"),
    ("POST", "/upstreams/a/drain"), ("POST", "/upstreams/a/undrain"), ("POST", "/upstreams/a/reset"),
    ("GET", "/routes"), ("POST", "/routes"),
)  # fmt: skip


def test_without_an_admin_key_nothing_is_told_or_done() -> None:
    """One gateway for all doors: it looks at the key file once a second."""

    async def act(gateway: Running) -> None:
        before = gateway.team.spec
        from penstock.assemble_keys import key_store

        _, caller = key_store(gateway.gateway.config, {}).add("caller", ("call",))

        async def status(method: str, path: str, *fields: tuple[str, str]) -> int:
            body = {"weight": 9} if method == "PUT" else b""
            return (await ask(gateway.port, method, f"/admin/v1{path}", list(fields), body)).status

        of_caller = ("Authorization", f"Bearer {caller}")
        until = asyncio.get_running_loop().time() + 10
        while asyncio.get_running_loop().time() < until:
            if await status("GET", "/routes", of_caller) != 401:
                break
            await asyncio.sleep(0.05)
        for method, path in DOORS:
            wrong = ("Authorization", "Bearer ' OR 1=1 --")
            told = [await status(method, path, *fields) for fields in ((), (of_caller,), (wrong,))]
            assert (method, path, told) == (method, path, [401, 403, 401])
        assert gateway.team.spec == before

    at(act)


def test_where_no_key_is_asked_for_none_is_added_over_the_network() -> None:
    async def act(gateway: Running) -> None:
        refused = await ask(gateway.port, "PUT", "/admin/v1/upstreams/c", [], {"kind": "echo"})
        assert (refused.status, "admin key" in refused.json()["problems"][0]) == (403, True)
        weighed = await ask(gateway.port, "PUT", "/admin/v1/upstreams/a", [], {"weight": 2})
        assert (weighed.status, weighed.json()["upstream"]["weight"]) == (200, 2)
        foreign = [("Host", "evil.example")]
        assert (await ask(gateway.port, "POST", "/admin/v1/upstreams/a/drain", foreign)).status == 421

    at(act, FILE + "auth: {mode: open}\n")


def test_secrets_go_in_and_never_come_back() -> None:
    async def act(gateway: Running) -> None:
        new = {
            "kind": "vllm",
            "base_url": "http://127.0.0.1:9/v1",
            "api_key": "sk-hidden",
            "headers": {"x-a": "sk-hidden"},
        }
        told = [await admin(gateway, "PUT", "/upstreams/c", new)]
        told += [await admin(gateway, "PUT", "/upstreams/c", {**new, "weight": 0})]
        for path in ("/upstreams", "/upstreams/c", "/status", "/config", "/routes"):
            told.append(await admin(gateway, "GET", path))
        assert [answer.status for answer in told] == [200, 422, 200, 200, 200, 200, 200]
        assert not [answer for answer in told if b"sk-hidden" in answer.body]
        assert told[5].json()["upstreams"]["c"]["base_url"] == "http://127.0.0.1:9/v1"  # it is in force
        assert told[4].json()["live"] == [{"upstream": "c", "added": True, "models": []}]

    at(act)


def test_a_call_is_explained_without_being_sent() -> None:
    async def act(gateway: Running) -> None:
        await admin(gateway, "POST", "/upstreams/b/drain")
        told = (await admin(gateway, "POST", "/routes?session=x&key=key-1", CALL)).json()
        (worker,) = told["workers"]
        assert (worker["entry"], worker["strategy"], worker["winner"], worker["worker"]) == ("m", "round_robin", "a", 0)
        assert worker["excluded"] == [{"upstream": "b", "reason": "draining"}]
        assert await served(gateway) == {"a": 0, "b": 0, "slow": 0}

    at(act)


def test_the_last_decisions_where_they_are_recorded() -> None:
    async def act(gateway: Running) -> None:
        for _ in range(3):
            await call(gateway)
        told = (await admin(gateway, "GET", "/routes?last=2")).json()
        assert told["recording"] is True
        assert [(row["entry"], row["chosen"], row["turn"]) for row in told["decisions"]] == [
            ("m", "a", 1),
            ("m", "b", 0),
        ]
        assert len((await admin(gateway, "GET", "/routes")).json()["decisions"]) == 3

    at(act)

    async def off(gateway: Running) -> None:
        await call(gateway)
        assert (await admin(gateway, "GET", "/routes")).json() == {"ok": True, "recording": False, "decisions": []}

    at(off, FILE.replace("observe: {routes: 50}", ""))


def test_a_recorded_decision_can_be_made_again() -> None:
    from penstock.routing.replay import parse, replay

    async def act(gateway: Running) -> None:
        for _ in range(5):
            await call(gateway, model="s")
            await call(gateway)
        rows = (await admin(gateway, "GET", "/routes?last=100")).json()["decisions"]
        assert len(rows) == 10
        for row in rows:
            assert replay(parse(json.dumps(row))) == row["chosen"]

    at(act)
