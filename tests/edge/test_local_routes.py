import asyncio
from typing import Any

import pytest

from penstock.process.loop import run
from tests.support.gateway import ECHO, OPEN_ECHO, Running, ask, parse_answers, raw, running_gateway
from tests.support.sockets import Answer

MODELS = ECHO.replace("models: {echo:", "models: {'org/m': {upstreams: [echo]}, 'fb-*': {upstreams: [echo]}, echo:")


def at(act: Any, text: str = MODELS) -> Any:
    async def main() -> Any:
        async with running_gateway(text) as gateway:
            return await act(gateway)

    return run(main())


def get(path: str, text: str = MODELS, key: bool = True, method: str = "GET", fields: Any = ()) -> Answer:
    async def act(gateway: Running) -> Answer:
        return await ask(gateway.port, method, path, [*fields, *([gateway.bearer] if key else [])])

    got: Answer = at(act, text)
    return got


@pytest.mark.parametrize("path", ["/", "/health", "/health/live", "/health/ready"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_needs_no_key(path: str, method: str) -> None:
    got = get(path, key=False, method=method)
    assert got.status == 200
    assert (got.body == b"") == (method == "HEAD")
    assert int(got.headers["content-length"]) > 0


@pytest.mark.parametrize(
    "path", ["/v1/models", "/models", "/v1/models/echo", "/admin/v1/status", "/admin/v1/calls", "/admin/v1/config"]
)
def test_what_needs_one(path: str) -> None:
    assert get(path, key=False).status == 401
    assert get(path).status == 200


def test_the_models_by_their_names_in_the_callers_dialect() -> None:
    openai = get("/v1/models").json()
    assert openai["object"] == "list"
    assert [model["id"] for model in openai["data"]] == ["org/m", "fb-*", "echo"]
    anthropic = get("/v1/models", fields=[("anthropic-version", "2023-06-01")]).json()
    assert [model["id"] for model in anthropic["data"]] == ["org/m", "fb-*", "echo"]
    assert anthropic["data"][0]["type"] == "model"


@pytest.mark.parametrize("path", ["/v1/models/org%2Fm", "/v1/models/org%2fm", "/v1/models/org/m", "/models/org%2Fm"])
def test_a_model_whose_id_holds_a_slash(path: str) -> None:
    got = get(path)
    assert (got.status, got.json()["id"]) == (200, "org/m")


def test_a_model_of_a_pattern_and_one_that_is_not_there() -> None:
    assert get("/v1/models/fb-7").json()["id"] == "fb-7"
    missing = get("/v1/models/none")
    assert (missing.status, missing.json()["error"]["code"]) == (404, "model_not_found")
    assert get("/v1/models/..%2f..%2fetc").status in (400, 404)


def test_metrics_are_public_on_loopback_only() -> None:
    got = get("/metrics", key=False)
    assert got.status == 200
    assert got.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    elsewhere = MODELS + "\nlisten: {host: 0.0.0.0}\n"
    assert get("/metrics", elsewhere, key=False).status == 401
    assert get("/metrics", elsewhere).status == 200


@pytest.mark.parametrize("field", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"])
def test_metrics_need_a_key_through_a_proxy(field: str) -> None:
    """One on this machine passes on the Host that its caller wrote, "localhost" too."""

    assert get("/metrics", key=False, fields=[(field, "203.0.113.9")]).status == 401
    assert get("/metrics", fields=[(field, "203.0.113.9")]).status == 200


def test_metrics_need_a_key_under_a_foreign_name() -> None:
    """A page whose name was made to lead here must not read them."""

    async def act(gateway: Running) -> list[int]:
        statuses = []
        for fields in ([], [gateway.bearer]):
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
            request = f"GET /metrics HTTP/1.1\r\nHost: evil.example:{gateway.port}\r\n{lines}Connection: close\r\n\r\n"
            statuses.append(parse_answers(await raw(gateway.port, request.encode()))[0].status)
        return statuses

    assert at(act) == [401, 200]


def test_a_call_is_found_by_its_id_and_among_the_newest() -> None:
    async def act(gateway: Running) -> None:
        body = {"model": "echo", "messages": [{"role": "user", "content": "a b c"}]}
        sent = await ask(gateway.port, "POST", "/v1/chat/completions", [gateway.bearer, ("X-Request-Id", "me-1")], body)
        assert sent.status == 200
        row = (await ask(gateway.port, "GET", "/admin/v1/calls/me-1", [gateway.bearer])).json()
        assert (row["id"], row["operation"], row["model"], row["status"]) == ("me-1", "chat", "echo", 200)
        assert row["tokens_out"] == 3
        rows = (await ask(gateway.port, "GET", "/admin/v1/calls?count=1", [gateway.bearer])).json()["calls"]
        assert [one["id"] for one in rows] == ["me-1"]
        assert (await ask(gateway.port, "GET", "/admin/v1/calls/other", [gateway.bearer])).status == 404

    at(act)


@pytest.mark.parametrize("count", ["-1", "x", "1.5", "%C2%B2", "9" * 5000])
def test_a_count_that_is_none(count: str) -> None:
    assert get(f"/admin/v1/calls?count={count}").status == 400


def test_the_configuration_in_force_without_its_secrets() -> None:
    text = (
        "upstreams: {o: {kind: openai, base_url: 'http://127.0.0.1:1/v1', api_key: sk-very-secret}}\n"
        "models: {m: {upstreams: [o]}}\n"
    )
    got = get("/admin/v1/config", text)
    assert got.json()["upstreams"]["o"]["base_url"] == "http://127.0.0.1:1/v1"
    assert b"very-secret" not in got.body


def test_the_status_tells_of_each_worker() -> None:
    told = get("/admin/v1/status").json()
    assert [worker["worker"] for worker in told["workers"]] == [0]
    assert told["workers"][0]["upstreams"]["echo"] == [0, 0, 0]


def test_a_reload_over_http() -> None:
    async def act(gateway: Running) -> None:
        gateway.path.write_text(gateway.path.read_text().replace("fb-*", "other-*"))
        got = await ask(gateway.port, "POST", "/admin/v1/reload", [gateway.bearer])
        assert (got.status, got.json()) == (200, {"ok": True, "problems": []})
        models = (await ask(gateway.port, "GET", "/v1/models", [gateway.bearer])).json()["data"]
        assert "other-*" in [model["id"] for model in models]
        gateway.path.write_text("modells: {}\n")
        got = await ask(gateway.port, "POST", "/admin/v1/reload", [gateway.bearer])
        assert got.status == 422
        assert "penstock.yaml:1: " in got.json()["problems"][0]
        assert (await ask(gateway.port, "GET", "/v1/models", [gateway.bearer])).status == 200

    at(act)


def test_reload_wants_post() -> None:
    got = get("/admin/v1/reload")
    assert (got.status, got.headers["allow"]) == (405, "POST")


def test_while_stopping_it_is_not_ready_but_alive() -> None:
    async def act(gateway: Running) -> None:
        gateway.gateway.endpoint.stopping = True
        ready = await ask(gateway.port, "GET", "/health/ready")
        assert (ready.status, ready.json()["waits_for"]) == (503, ["shutdown"])
        assert (await ask(gateway.port, "GET", "/health/live")).status == 200

    at(act)


def test_open_no_key_is_asked_for_and_foreign_pages_are_not_served() -> None:
    async def act(gateway: Running) -> None:
        port = gateway.port
        assert (await ask(port, "GET", "/v1/models")).status == 200
        assert (await ask(port, "GET", "/v1/models", [("Host", "evil.example")])).status == 421
        assert (await ask(port, "GET", "/v1/models", [("Origin", "https://evil.example")])).status == 403
        own = [("Host", f"localhost:{port}"), ("Origin", f"http://localhost:{port}")]
        assert (await ask(port, "GET", "/v1/models", own)).status == 200

    at(act, OPEN_ECHO)


def test_local_paths_are_served_while_calls_run() -> None:
    async def act(gateway: Running) -> None:
        asks = [ask(gateway.port, "GET", "/health") for _ in range(50)]
        assert {got.status for got in await asyncio.gather(*asks)} == {200}

    at(act)
