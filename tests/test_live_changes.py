"""Whole gateways whose upstreams change while they serve: by the admin API, by the command line, by discovery."""

import asyncio
import json
import os
import signal
import threading
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.api_server import api_server
from tests.support.load import chat, load
from tests.support.running_gateway import RunningGateway, running_gateway
from tests.support.scripted_upstream import Answer, ScriptedUpstream
from tests.support.sockets import parse_answers, raw
from tests.support.whole import admin, penstock, rewrite, until

FILE = """
upstreams:
  a: {kind: echo}
  b: {kind: echo, weight: 2}
  s1: {kind: echo, tokens_per_second: 60}
  s2: {kind: echo, tokens_per_second: 60}
models:
  m: {upstreams: [a, b]}
  slow: {upstreams: [s1, s2]}
"""
ANSWER = Answer(
    body=b'{"id":"1","object":"chat.completion","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
)


def put(gateway: RunningGateway, name: str, body: dict[str, Any]) -> dict[str, Any]:
    asked = urllib.request.Request(
        f"{gateway.url}/admin/v1/upstreams/{name}", json.dumps(body).encode(), method="PUT",
        headers={"authorization": f"Bearer {gateway.key}"},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            told: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        told = json.load(error)
    return told


def rows(gateway: RunningGateway) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in admin(gateway, "/admin/v1/upstreams")["upstreams"]}


def generations(gateway: RunningGateway) -> dict[int, int]:
    """Of each worker."""
    return {one["worker"]: one["generation"] for one in admin(gateway, "/admin/v1/status")["workers"]}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_changes_of_every_kind_under_load_are_not_noticed(tmp_path: Path, workers: str) -> None:
    with running_gateway(tmp_path, FILE, None, "--workers", workers) as gateway:

        def post(path: str) -> dict[str, Any]:
            told: dict[str, Any] = admin(gateway, f"/admin/v1/upstreams/{path}", "POST")
            assert told["ok"], told
            return told

        def change_all_ways() -> None:
            for n in range(8):
                drained = post("a/drain?wait=10s")
                assert drained["upstream"]["drained"]
                assert put(gateway, f"new-{n}", {"kind": "echo", "models": ["m"]})["ok"]
                assert put(gateway, "b", {"weight": n + 3})["upstream"]["weight"] == n + 3
                assert admin(gateway, "/admin/v1/upstreams/b", "DELETE")["ok"]
                post("s1/drain")
                post("b/reset")
                post("a/undrain")
                assert put(gateway, "slow-2", {"kind": "echo", "tokens_per_second": 60, "models": ["slow"]})["ok"]
                assert admin(gateway, "/admin/v1/upstreams/slow-2", "DELETE")["ok"]
                assert admin(gateway, f"/admin/v1/upstreams/new-{n}", "DELETE")["ok"]
                post("s1/undrain")

        async def main() -> None:
            async with load(gateway.port, gateway.key, kept=2, fresh=1, streams=2) as tally:
                await asyncio.to_thread(change_all_ways)
            assert tally.wrong == []
            assert min(tally.good.values()) >= 2

        asyncio.run(main())
        until(lambda: set(rows(gateway)) == {"a", "b", "s1", "s2"})
        status = admin(gateway, "/admin/v1/status")
        assert (status["live"], status["reloads"]) == ([], 0)


def test_every_worker_has_them_also_one_that_starts_later_and_a_restart_has_none(tmp_path: Path) -> None:
    with running_gateway(tmp_path, FILE, None, "--workers", "2") as gateway:
        port, key = str(gateway.port), gateway.key
        done = penstock(tmp_path, "upstreams", "drain", "b", "--wait", "5s", "--port", port)
        assert (done.returncode, done.stdout) == (0, "b: weight 2, drained, 0 calls in flight\n")
        workers = {one["worker"]: one["process"]["pid"] for one in admin(gateway, "/admin/v1/status")["workers"]}
        os.kill(workers[0], signal.SIGKILL)
        until(lambda: {0, 1} == {one["worker"] for one in admin(gateway, "/admin/v1/status")["workers"]})

        async def called() -> None:
            answers = await asyncio.gather(*(raw(gateway.port, chat("m", gateway.key), within=60) for _ in range(30)))
            assert {parse_answers(answer)[0].status for answer in answers} == {200}

        asyncio.run(called())
        assert (rows(gateway)["a"]["served"], rows(gateway)["b"]["served"]) == (30, 0)
        path = tmp_path / "call.json"
        path.write_text('{"model": "m", "messages": []}')
        said = penstock(tmp_path, "explain", "--route", str(path), "--port", port)
        assert said.stdout.count("> a") == 2
        assert said.stdout.count("draining") == 2
        config = penstock(tmp_path, "config", "--config", str(tmp_path / "penstock.yaml"))
        assert "note" not in config.stderr  # the port of the file is another
        (tmp_path / "port.yaml").write_text(FILE + f"listen: {{port: {port}}}\n")
        config = penstock(tmp_path, "config", "--config", str(tmp_path / "port.yaml"))
        assert config.stderr == f"note: live at the gateway on port {port}, and not in here: b draining\n"
    with running_gateway(tmp_path, FILE) as again:
        gateway = replace(again, key=key)  # a key is told once
        assert admin(gateway, "/admin/v1/status")["live"] == []
        assert not rows(gateway)["b"]["draining"]


def test_the_file_ends_the_changes_of_what_it_changes_only(tmp_path: Path) -> None:
    with running_gateway(tmp_path, FILE) as gateway:
        admin(gateway, "/admin/v1/upstreams/a/drain", "POST")
        put(gateway, "b", {"weight": 9})
        rewrite(tmp_path / "penstock.yaml", FILE.replace("weight: 2", "weight: 3"))
        until(lambda: admin(gateway, "/admin/v1/status")["reloads"])
        assert admin(gateway, "/admin/v1/status")["live"] == [{"upstream": "a", "drain": True}]
        assert (rows(gateway)["b"]["weight"], rows(gateway)["a"]["draining"]) == (3, True)
        until(lambda: "live changes ended, for the file says something new there: b" in (tmp_path / "log").read_text())


def found(*upstreams: ScriptedUpstream) -> str:
    return "".join(f"127.0.0.1:{upstream.port}\n" for upstream in upstreams)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_instances_in_a_file_come_and_go_without_a_call_cut(tmp_path: Path, workers: str) -> None:
    text = """
upstreams: {pool: {kind: vllm, api_key: k, discover: {file: instances, interval: 100ms}}}
models: {m: {upstreams: [pool], strategy: round_robin}}
"""
    held = threading.Event()
    with ScriptedUpstream() as one, ScriptedUpstream() as other, ScriptedUpstream() as third:
        for upstream in (one, other, third):
            upstream.answers["/v1/chat/completions"] = ANSWER
        path = tmp_path / "instances"
        path.write_text(found(one, other))
        with running_gateway(tmp_path, text, None, "--workers", workers) as gateway:

            async def called(count: int) -> None:
                for _ in range(count):
                    (answer,) = parse_answers(await raw(gateway.port, chat("m", gateway.key), within=60))
                    assert answer.status == 200, answer

            names = {upstream.port: f"pool@127.0.0.1:{upstream.port}" for upstream in (one, other, third)}
            assert set(rows(gateway)) == {names[one.port], names[other.port]}
            asyncio.run(called(8))
            assert min(len(one.requests), len(other.requests)) >= 2
            assert one.requests[0].header("authorization") == "Bearer k"

            async def main() -> None:
                def hold(connection: Any, request: Any) -> None:
                    held.wait(80)
                    connection.sendall(ANSWER.head() + ANSWER.body)

                one.answers["/v1/chat/completions"] = hold
                before = len(one.requests)
                calls = [asyncio.ensure_future(raw(gateway.port, chat("m", gateway.key), within=90)) for _ in range(4)]
                held_there = lambda: len(one.requests) - before  # noqa: E731 - the others are answered
                await asyncio.to_thread(until, lambda: 0 < held_there() == 4 - sum(call.done() for call in calls))
                known = generations(gateway)
                rewrite(path, found(other, third))
                await asyncio.to_thread(until, lambda: rows(gateway).get(names[third.port]))

                def leaves() -> bool:
                    row, now = rows(gateway)[names[one.port]], generations(gateway)
                    everywhere = all(now[worker] > known[worker] for worker in known)
                    return everywhere and (row["draining"], row["in_flight"] > 0, row["models"]) == (True, True, [])

                await asyncio.to_thread(until, leaves)
                sent = len(one.requests)
                await called(6)
                assert len(one.requests) == sent  # no new calls
                held.set()
                assert {parse_answers(answer)[0].status for answer in await asyncio.gather(*calls)} == {200}  # none cut

            asyncio.run(main())
            until(lambda: set(rows(gateway)) == {names[other.port], names[third.port]})
            for nothing in ("", "# nobody\n", "not an address\n"):
                rewrite(path, nothing)
            until(lambda: 'looks_total{upstream="pool",result="failed"} 0' not in admin(gateway, "/metrics"))
            assert set(rows(gateway)) == {names[other.port], names[third.port]}  # those known stay
            asyncio.run(called(4))
            counted = 'penstock_requests_total{operation="chat",model="m",upstream="pool",status="200"'
            assert counted in admin(gateway, "/metrics")
            until(lambda: "those known stay" in (tmp_path / "log").read_text())


def test_instances_in_kubernetes(tmp_path: Path) -> None:
    text = """
upstreams:
  pool: {kind: vllm, discover: {kubernetes: {service: vllm, port: PORT, service_account: account}, interval: 100ms}}
models: {m: {upstreams: [pool]}}
"""
    account = tmp_path / "account"
    account.mkdir()

    async def main() -> None:
        async with api_server(account) as server:
            server.pages = [["127.0.0.1"]]
            await asyncio.to_thread(serve, server)

    def serve(server: Any) -> None:
        with ScriptedUpstream() as upstream:
            upstream.answers["/v1/chat/completions"] = ANSWER
            config = text.replace("PORT", f"'{upstream.port}'")
            with running_gateway(tmp_path, config, server.environ(), "--workers", "2") as gateway:
                (answer,) = parse_answers(asyncio.run(raw(gateway.port, chat("m", gateway.key), within=60)))
                assert answer.status == 200
                server.pages = [["127.0.0.1", "127.0.0.2"]]
                until(lambda: f"pool@127.0.0.2:{upstream.port}" in rows(gateway))
                server.status = 500
                until(lambda: "answered 500" in (tmp_path / "log").read_text())
                assert len(rows(gateway)) == 2

    asyncio.run(main())


def test_before_any_instance_is_found_the_answer_says_so(tmp_path: Path) -> None:
    text = """
upstreams: {pool: {kind: vllm, discover: {file: instances, interval: 100ms}}}
models: {m: {upstreams: [pool]}}
"""
    with running_gateway(tmp_path, text) as gateway:
        (answer,) = parse_answers(asyncio.run(raw(gateway.port, chat("m", gateway.key))))
        assert (answer.status, answer.json()["error"]["code"], answer.headers["retry-after"]) == (
            503,
            "no_instance",
            "1",
        )
        with ScriptedUpstream() as upstream:
            upstream.answers["/v1/chat/completions"] = ANSWER
            (tmp_path / "instances").write_text(found(upstream))
            until(lambda: rows(gateway))
            (answer,) = parse_answers(asyncio.run(raw(gateway.port, chat("m", gateway.key))))
            assert answer.status == 200
