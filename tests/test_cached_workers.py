"""One cache over worker processes and gateways that share a store: stored at one, told by all; deleted at one, gone."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.needs import missing
from tests.support.redis_server import RedisServer, redis_running
from tests.support.running_gateway import RunningGateway, running_gateway
from tests.support.sockets import Answer, parse_answers, raw, request
from tests.support.whole import penstock, until

SOON = 20.0
"""A worker looks at what others have told every second; a busy machine takes its time over it."""
CONFIG = """
store: '{store}'
auth: {{mode: open}}
upstreams: {{echo: {{kind: echo}}}}
models: {{m: {{upstreams: [echo]}}}}
{more}"""
BODY: dict[str, Any] = {"model": "m", "temperature": 0, "messages": [{"role": "user", "content": "hello"}]}


def ask(gateway: RunningGateway, text: str = "hello") -> tuple[int, str]:
    """Which worker answered on a connection of its own, and what became of the call in its cache."""
    body = BODY | {"messages": [{"role": "user", "content": text}]}
    sent = request("POST", "/v1/chat/completions", [("Content-Type", "application/json")], json.dumps(body).encode())
    (answer,) = parse_answers(asyncio.run(raw(gateway.port, sent, within=60)))
    assert answer.status == 200
    return worker_of(answer), answer.headers["x-penstock-cache"]


def worker_of(answer: Answer) -> int:
    return int(answer.headers["x-request-id"].removeprefix("req_").partition("x")[0])


def told_by(gateway: RunningGateway, workers: int, text: str = "hello") -> dict[int, str]:
    """What each worker says to the same call."""
    found: dict[int, str] = {}
    until(lambda: len(found) == workers or found.update([ask(gateway, text)]) or len(found) == workers)
    return found


@pytest.fixture
def redis(redis_server: str, tmp_path: Path) -> Iterator[RedisServer]:
    if importlib.util.find_spec("redis") is None:
        missing("the extra redis is not installed")
    with redis_running(redis_server, tmp_path) as running:
        yield running


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/shared.sqlite" if request.param == "sqlite" else request.getfixturevalue("redis").url


def test_an_entry_is_told_and_taken_back_at_all_workers_and_gateways_soon(store: str, tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    text = CONFIG.format(store=store, more="")
    with (
        running_gateway(homes[0], text, None, "--workers", "2") as first,
        running_gateway(homes[1], text) as second,
    ):
        until(lambda: ask(first, "ready?")[1] == "hit-exact" and ask(second, "ready?")[1] == "hit-exact")
        until(lambda: set(told_by(first, 2, "ready?").values()) == {"hit-exact"})
        assert ask(second)[1] == "miss"
        stored = time.monotonic()
        until(lambda: ask(first)[1] == "hit-exact")
        until(lambda: set(told_by(first, 2).values()) == {"hit-exact"})
        assert time.monotonic() - stored < SOON
        gone = penstock(homes[0], "cache", "flush", "--model", "m", "--port", str(first.port), "--json")
        assert json.loads(gone.stdout)["deleted"] == 2, gone.stderr
        until(lambda: ask(second)[1] == "miss", SOON)
        until(lambda: ask(second)[1] == "hit-exact")  # a flush that is still told there takes what was kept meanwhile
        shown = penstock(homes[1], "cache", "list", "--port", str(second.port))
        assert "1 of 1" in shown.stdout, shown.stderr


def test_a_redis_that_is_killed_and_comes_back_empty_costs_no_call_and_tells_nothing_wrong(
    redis: RedisServer, tmp_path: Path
) -> None:
    text = CONFIG.format(store=redis.url, more="")
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    with running_gateway(homes[0], text, None, "--workers", "2") as first, running_gateway(homes[1], text) as second:
        until(lambda: ask(first)[1] == "hit-exact" and ask(second)[1] == "hit-exact")
        stop = threading.Event()
        told: list[tuple[str, str]] = []

        def load(gateway: RunningGateway) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                told.append((f"question {number % 50}", answered(gateway, f"question {number % 50}")))

        callers = [threading.Thread(target=load, args=(gateway,)) for gateway in (first, second)]
        for caller in callers:
            caller.start()
        try:
            until(lambda: len(told) > 200)
            redis.kill()
            seen = len(told)
            until(lambda: len(told) > seen + 100)
            redis.start()
            until(lambda: ask(first, "and now?")[1] == "hit-exact" and ask(second, "and now?")[1] == "hit-exact", 60)
        finally:
            stop.set()
            for caller in callers:
                caller.join()
        assert all(asked == said for asked, said in told)


def answered(gateway: RunningGateway, text: str) -> str:
    """What the model said."""
    body = BODY | {"messages": [{"role": "user", "content": text}]}
    sent = request("POST", "/v1/chat/completions", [("Content-Type", "application/json")], json.dumps(body).encode())
    (answer,) = parse_answers(asyncio.run(raw(gateway.port, sent, within=60)))
    assert answer.status == 200, answer
    return str(json.loads(answer.body)["choices"][0]["message"]["content"])


def test_encrypted_answers_lie_unreadable_on_the_disk(tmp_path: Path) -> None:
    more = "cache: {encryption_key: '${KEY}'}\n"
    keys = {"KEY": "0123456789abcdef0123456789abcdef"}
    text = CONFIG.format(store=f"sqlite:{tmp_path}/shared.sqlite", more=more)
    with running_gateway(tmp_path, text, keys) as gateway:
        until(lambda: ask(gateway, "nightingale")[1] == "hit-exact")
    files = b"".join(path.read_bytes() for path in tmp_path.glob("shared.sqlite*"))
    assert files
    assert b"nightingale" not in files
    with running_gateway(tmp_path, text, keys) as gateway:
        until(lambda: ask(gateway, "ready?")[1] == "hit-exact")
        assert ask(gateway, "nightingale")[1] == "hit-exact"
    with running_gateway(tmp_path, text, {"KEY": "another key of sixteen characters"}) as gateway:
        until(lambda: ask(gateway, "ready again?")[1] == "hit-exact")
        assert ask(gateway, "nightingale")[1] == "miss"
    log = (tmp_path / "log").read_text()
    assert "damaged" in log
    assert "nightingale" not in log
