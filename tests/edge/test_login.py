import asyncio
import os
from typing import Any

from penstock.assemble_keys import key_store
from penstock.edge.login import FAILURES_SECONDS, MOST_ADDRESSES, MOST_FAILURES, Failures
from penstock.edge.sessions import LASTS_SECONDS
from penstock.process.loop import run
from tests.support.gateway import ECHO, OPEN_ECHO, Answer, Running, ask, running_gateway

OWN = ("x-penstock-ui", "1")
SESSION = "/ui/session"
STATUS = "/admin/v1/status"


def within(act: Any, yaml_text: str = ECHO) -> None:
    async def main() -> None:
        async with running_gateway(yaml_text) as gateway, asyncio.timeout(20):
            await act(gateway)

    run(main())


async def log_in(gateway: Running, **what: str) -> Answer:
    return await ask(gateway.port, "POST", SESSION, [OWN], what)


def cookie(answer: Answer) -> tuple[str, str]:
    return ("Cookie", answer.headers["set-cookie"].partition(";")[0])


def test_a_key_is_changed_for_a_session_that_ends_with_the_log_out() -> None:
    async def act(gateway: Running) -> None:
        answer = await log_in(gateway, key=gateway.key)
        assert answer.status == 200
        assert answer.json()["by"].startswith("key-")
        assert gateway.key.encode() not in answer.body
        assert "HttpOnly; SameSite=Strict" in answer.headers["set-cookie"]
        assert f"Max-Age={int(LASTS_SECONDS)}" in answer.headers["set-cookie"]
        mine = [OWN, cookie(answer)]
        told = await ask(gateway.port, "GET", STATUS, mine)
        assert (told.status, told.headers["cache-control"]) == (200, "no-store")
        assert told.headers["x-content-type-options"] == "nosniff"
        assert (await ask(gateway.port, "GET", SESSION, mine)).json()["by"] == answer.json()["by"]
        ended = await ask(gateway.port, "DELETE", SESSION, mine)
        assert "Max-Age=0" in ended.headers["set-cookie"]
        refused = await ask(gateway.port, "GET", STATUS, mine)
        assert (refused.status, refused.json()["error"]["code"]) == (401, "session_is_over")
        assert (await ask(gateway.port, "GET", SESSION, mine)).json()["by"] is None

    within(act)


def test_a_session_is_for_the_admin_api_of_our_own_page_and_for_nothing_else() -> None:
    async def act(gateway: Running) -> None:
        mine = cookie(await log_in(gateway, key=gateway.key))
        chat = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}
        assert (await ask(gateway.port, "POST", "/v1/chat/completions", [mine], chat)).status == 401
        assert (await ask(gateway.port, "GET", "/v1/models", [OWN, mine])).status == 401
        foreign = ("Origin", "http://evil.example"), ("Sec-Fetch-Site", "same-site")
        for fields in ([mine], *([OWN, mine, field] for field in foreign)):
            for method, path in (("GET", STATUS), ("POST", "/admin/v1/reload"), ("DELETE", SESSION)):
                assert (await ask(gateway.port, method, path, fields)).status == 403, (fields, path)
        assert (await ask(gateway.port, "GET", STATUS, [OWN, mine])).status == 200

    within(act)


def test_a_session_counts_no_longer_than_its_key() -> None:
    async def act(gateway: Running) -> None:
        store = key_store(gateway.gateway.config, os.environ)
        made, secret = store.add("operator", ("admin",))
        ring = gateway.gateway.keys.ring
        assert ring is not None
        ring.replace(store.keys)
        mine = [OWN, cookie(await log_in(gateway, key=secret))]
        assert (await ask(gateway.port, "GET", STATUS, mine)).status == 200
        store.revoke(made.id)
        ring.replace(store.keys)
        assert (await ask(gateway.port, "GET", STATUS, mine)).status == 401
        assert (await ask(gateway.port, "GET", SESSION, mine)).json()["by"] is None

    within(act)


def test_who_may_only_call_is_not_let_in() -> None:
    async def act(gateway: Running) -> None:
        store = key_store(gateway.gateway.config, os.environ)
        _, secret = store.add("caller", ("call",))
        ring = gateway.gateway.keys.ring
        assert ring is not None
        ring.replace(store.keys)
        assert (await log_in(gateway, key=secret)).status == 403
        assert (await log_in(gateway, key="sk-pen-" + "x" * 43)).status == 401
        assert (await log_in(gateway, key="")).status == 401
        assert (await ask(gateway.port, "POST", SESSION, [OWN], b"[]")).status == 400
        assert (await ask(gateway.port, "POST", SESSION, [OWN], b"{" + b" " * 5000)).status == 413
        assert len(gateway.gateway.keys.sessions) == 0

    within(act)


def test_a_link_of_the_control_socket_logs_in_once() -> None:
    async def act(gateway: Running) -> None:
        link = (await gateway.team.answers["ui_link"](None))["link"]
        answer = await log_in(gateway, link=link)
        assert (answer.status, answer.json()["by"]) == (200, "control-socket")
        assert (await ask(gateway.port, "GET", STATUS, [OWN, cookie(answer)])).status == 200
        again = await log_in(gateway, link=link)
        assert (again.status, again.json()["error"]["code"]) == (401, "link_is_over")
        assert (await gateway.team.answers["ui_link"]({"end": True}))["ended"] == 1
        assert (await ask(gateway.port, "GET", STATUS, [OWN, cookie(answer)])).status == 401

    within(act)


def test_who_fails_too_often_waits_and_only_a_link_helps() -> None:
    async def act(gateway: Running) -> None:
        for _ in range(MOST_FAILURES):
            assert (await log_in(gateway, key="sk-pen-" + "x" * 43)).status == 401
        refused = await log_in(gateway, key=gateway.key)
        assert (refused.status, refused.json()["error"]["code"]) == (429, "too_many_log_ins")
        assert 0 < int(refused.headers["retry-after"]) <= FAILURES_SECONDS
        link = (await gateway.team.answers["ui_link"](None))["link"]
        assert (await log_in(gateway, link=link)).status == 200

    within(act)


def test_wrong_links_lock_nobody_out() -> None:
    async def act(gateway: Running) -> None:
        for _ in range(MOST_FAILURES + 1):
            assert (await log_in(gateway, link="x" * 43)).status == 401
        assert (await log_in(gateway, key=gateway.key)).status == 200

    within(act)


def test_failures_are_counted_by_address_and_forgotten_with_the_minute() -> None:
    failures = Failures()
    for _ in range(MOST_FAILURES):
        assert failures.left("10.0.0.1", 100.0) == 0
        failures.note("10.0.0.1", 100.0)
    assert failures.left("10.0.0.1", 130.0) == 30.0
    assert failures.left("10.0.0.2", 130.0) == 0
    assert failures.left("10.0.0.1", 160.0) == 0


def test_more_addresses_than_are_counted_share_one_count() -> None:
    failures = Failures()
    for number in range(MOST_ADDRESSES + MOST_FAILURES):
        failures.note(str(number), 0.0)
    assert failures.left("another", 0.0) > 0
    assert failures.left("0", 0.0) == 0


def test_while_open_nobody_logs_in_and_foreign_pages_are_refused() -> None:
    async def act(gateway: Running) -> None:
        assert (await ask(gateway.port, "GET", SESSION, [OWN])).json() == {"mode": "open", "by": "open"}
        assert "set-cookie" not in (await log_in(gateway, key="x")).headers
        assert (await ask(gateway.port, "GET", SESSION, [OWN, ("Host", "evil.example")])).status == 421
        assert (await ask(gateway.port, "GET", "/ui", [("Host", "evil.example")])).status == 421
        assert (await ask(gateway.port, "GET", STATUS, [("Origin", "http://evil.example")])).status == 403

    within(act, OPEN_ECHO)
