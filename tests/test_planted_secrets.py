"""Prompts, completions and keys are planted wherever they could come from; no log line may hold one."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from penstock.assemble_observation import install_logs
from penstock.config import Config
from penstock.core.exchange import Exchange
from penstock.observe.config import ObserveConfig
from penstock.observe.log_stream import LogStream
from tests.support.gateway import Answer, Running, ask, running_gateway
from tests.support.logs import looped
from tests.support.scripted_upstream import EVENTS, ScriptedUpstream
from tests.support.scripted_upstream import Answer as Scripted

PLANTED = "planted-5ecret"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": PLANTED}]}
ERROR = json.dumps({"error": {"message": f"bad: {PLANTED} (key sk-{PLANTED})", "type": "x", "code": "y"}}).encode()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """The file to which all is logged, down to what is least important."""
    path = tmp_path / "penstock.log"
    logger, root = logging.getLogger("penstock"), logging.getLogger()
    before = logger.handlers[:], logger.level, logger.propagate
    install_logs(Config.parse("", "c.yaml", {}).replace(ObserveConfig(log_file=str(path), log_level="debug")))
    yield path
    for handler in [one for one in root.handlers if isinstance(one, LogStream)]:
        root.removeHandler(handler)
        handler.stream.close()
    logger.handlers, logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


@asynccontextmanager
async def serving(more: str = "") -> AsyncIterator[tuple[Running, ScriptedUpstream]]:
    with ScriptedUpstream() as upstream:
        config = (
            f"upstreams: {{u: {{kind: openai, base_url: '{upstream.url}', api_key: sk-{PLANTED}}}}}\n"
            "models: {m: {upstreams: [u]}}\nauth: {mode: open}\nretries: {max: 0}\n"
            f"observe: {{access_log: all, log_level: debug}}\n{more}"
        )
        async with running_gateway(config) as running:
            yield running, upstream


async def chat(running: Running, stream: bool = False, **more: Any) -> Answer:
    fields = [("Authorization", f"Bearer {PLANTED}"), ("X-Request-Id", "call-1")]
    return await ask(running.port, "POST", "/v1/chat/completions", fields, CHAT | {"stream": stream} | more)


def lines(path: Path, running: Running) -> list[dict[str, Any]]:
    """All that was logged: each line one object of JSON, and nothing planted in it."""
    running.gateway.write_down()
    text = path.read_text()
    assert PLANTED not in text
    rows = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(row, dict) and {"time", "level", "event"} <= set(row) for row in rows)
    return rows


def calls(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["event"] == "call"]


@looped
async def test_a_call_that_goes_well(log: Path) -> None:
    async with serving() as (running, upstream):
        said = {"choices": [{"message": {"role": "assistant", "content": PLANTED}}]}
        upstream.answers["/v1/chat/completions"] = Scripted(body=json.dumps(said).encode())
        assert PLANTED.encode() in (await chat(running)).body
        assert calls(lines(log, running))[0]["status"] == 200


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 503])
def test_an_upstreams_error_goes_to_the_caller_and_into_no_log(status: int, log: Path) -> None:
    async def go() -> None:
        async with serving() as (running, upstream):
            upstream.answers["/v1/chat/completions"] = Scripted(status, body=ERROR)
            answer = await chat(running)
            assert answer.status >= 400
            (row,) = calls(lines(log, running))
            assert (row["id"], row["upstream"], row["status"]) == ("call-1", "u", answer.status)

    looped(go)()


@looped
async def test_a_streams_error_event_is_told_without_its_words(log: Path) -> None:
    async with serving("rescue: off\n") as (running, upstream):
        event = b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % PLANTED.encode()
        upstream.answers["/v1/chat/completions"] = Scripted(
            headers=(EVENTS,), chunks=(event, b"data: " + ERROR + b"\n\n")
        )
        answer = await chat(running, stream=True)
        assert PLANTED.encode() in answer.body
        (row,) = calls(lines(log, running))
        assert row["error"] == "upstream_error_event", row
        assert row["reason"].endswith("(not logged)")


@looped
async def test_what_an_upstream_sends_instead_of_http(log: Path) -> None:
    async with serving() as (running, upstream):
        upstream.answers["/v1/chat/completions"] = lambda connection, request: connection.sendall(
            f"NOT HTTP {PLANTED}\r\n\r\n".encode()
        )
        assert (await chat(running)).status == 502
        assert calls(lines(log, running))[0]["fault"] == "upstream"


@pytest.mark.parametrize(
    "body",
    [
        f'{{"model": "m", "messages": "{PLANTED}',
        f'{{"model": "m", "messages": [], "max_tokens": "{PLANTED}"}}',
        f'{{"model": "m", "stream": "{PLANTED}"}}',
        f'{{"model": ["{PLANTED}"]}}',
        f'["{PLANTED}"]',
        f'"{PLANTED}"',
    ],
)
def test_a_body_that_cannot_be_read(body: str, log: Path) -> None:
    async def go() -> None:
        async with serving() as (running, _):
            fields = [("Content-Type", "application/json")]
            answer = await ask(running.port, "POST", "/v1/chat/completions", fields, body.encode())
            assert answer.status == 400
            assert calls(lines(log, running))[0]["fault"] == "caller"

    looped(go)()


@looped
async def test_a_defect_is_logged_with_its_place_and_call_not_with_its_words(log: Path) -> None:
    async with serving() as (running, _):

        def broken(exchange: Exchange) -> None:
            try:
                int(exchange.call.body)
            except ValueError as error:
                raise RuntimeError(f"in {exchange.call.body!r}") from error

        run = running.gateway.endpoint.generation.run

        def room(exchange: Exchange) -> Any:
            exchange.call.body = PLANTED.encode()
            broken(exchange)
            return run(exchange)

        running.gateway.endpoint.generation.run = room
        assert (await chat(running)).status == 500
        (row,) = [row for row in lines(log, running) if "traceback" in row]
        assert row["request"] == "call-1"
        assert {"RuntimeError", "ValueError"} <= set(row["traceback"].splitlines())
        assert "test_planted_secrets.py" in row["traceback"]


@looped
async def test_while_traces_are_made_the_line_names_the_trace(log: Path) -> None:
    async with serving("telemetry: {otlp: {endpoint: 'http://127.0.0.1:9', sample: 0}}\n") as (running, upstream):
        upstream.answers["/v1/chat/completions"] = Scripted(body=ERROR)
        await chat(running)
        (row,) = calls(lines(log, running))
        field = upstream.requests[0].header("traceparent")
        assert field is not None
        assert row["trace"] == field[3:35]


@looped
async def test_without_there_is_none(log: Path) -> None:
    async with serving() as (running, upstream):
        upstream.answers["/v1/chat/completions"] = Scripted(body=ERROR)
        await chat(running)
        assert calls(lines(log, running))[0]["trace"] is None


def test_what_libraries_log_is_json_too(log: Path) -> None:
    logging.getLogger("asyncio").error("a task\nwas lost")
    logging.getLogger("somebody.else").warning("careful")
    logging.getLogger("somebody.else").info("not this")
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(row["logger"], row["message"]) for row in rows] == [
        ("asyncio", "a task\nwas lost"), ("somebody.else", "careful"),
    ]  # fmt: skip
