"""Alerts through a whole gateway, to webhooks on real sockets."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.alerts import service as alerts_service
from penstock.assemble import Gateway
from penstock.assemble_alerts import Alerts
from tests.support.alerts import OPENED, alert
from tests.support.gateway import OPEN_ECHO, Running, ask, running_gateway
from tests.support.logs import looped
from tests.support.scripted_upstream import Answer, ScriptedUpstream

SLACK, PAGERDUTY, PLAIN = "/services/T0/B0/planted", "/v2/enqueue", "/hook"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts_service, "TICK_SECONDS", 0.01)


def hooks(there: ScriptedUpstream, more: str = "") -> str:
    there.answers |= {SLACK: Answer(body=b"ok"), PAGERDUTY: Answer(202), PLAIN: Answer(204, body=b"")}
    base = f"http://127.0.0.1:{there.port}"
    return (
        OPEN_ECHO + "alerts:\n  webhooks:\n"
        f"    - {{format: slack, url: '{base}{SLACK}'}}\n"
        f"    - {{format: pagerduty, url: '{base}{PAGERDUTY}', routing_key: planted-key, severity: high}}\n"
        f"    - {{format: generic, url: '{base}{PLAIN}', secret: planted-secret, severity: low}}\n{more}"
    )


def told(running: Running) -> Alerts:
    watching = running.gateway.watching
    assert watching is not None
    assert watching.alerts is not None
    return watching.alerts


def bodies(there: ScriptedUpstream, path: str) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in there.requests if request.target == path]


async def until(fact: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not fact():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


async def shown(running: Running, query: str = "") -> dict[str, Any]:
    answer = await ask(running.port, "GET", f"/admin/v1/alerts{query}")
    assert answer.status == 200
    return dict(json.loads(answer.body))


async def sent(running: Running, *numbers: int) -> dict[str, Any]:
    """What is shown once the webhooks have taken so many: the receiver hears of each a little sooner."""
    async with asyncio.timeout(20):
        while True:
            view = await shown(running)
            if [hook["sent"] for hook in view["webhooks"]] == [*numbers]:
                return view
            await asyncio.sleep(0.01)


@looped
async def test_an_alert_opens_and_closes_everywhere() -> None:
    with ScriptedUpstream() as there:
        async with running_gateway(hooks(there)) as running:
            told(running).tell(alert())
            told(running).tell(alert())
            await until(lambda: len(there.requests) == 3)
            assert [one["id"] for one in (await shown(running))["open"]] == ["a1"]
            told(running).tell(alert(closed=75.0))
            await until(lambda: len(there.requests) == 6)
            view = await sent(running, 2, 2, 2)
            assert (view["open"], [one["closed"] for one in view["closed"]]) == ([], [OPENED + 75])
            assert "high" in bodies(there, SLACK)[0]["text"]
            assert [event["event_action"] for event in bodies(there, PAGERDUTY)] == ["trigger", "resolve"]
            plain = [request for request in there.requests if request.target == PLAIN]
            assert [json.loads(request.body)["event"] for request in plain] == ["opened", "closed"]
            assert all(request.header("x-penstock-signature") for request in plain)
            page = (await ask(running.port, "GET", "/metrics")).body.decode()
            assert 'penstock_alerts_total{severity="high"} 1\n' in page
            assert 'penstock_webhook_posts_total{webhook="pagerduty",result="sent"} 2\n' in page


@looped
async def test_each_webhook_has_its_own_floor() -> None:
    with ScriptedUpstream() as there:
        async with running_gateway(hooks(there)) as running:
            told(running).tell(alert("a1", "low"))
            told(running).tell(alert("a2", "medium", name="other"))
            await until(lambda: len(there.requests) == 3)
            assert [body["alert"]["id"] for body in bodies(there, PLAIN)] == ["a1", "a2"]
            assert (len(bodies(there, SLACK)), bodies(there, PAGERDUTY)) == (1, [])


@looped
async def test_a_test_says_how_each_webhook_took_it() -> None:
    with ScriptedUpstream() as there:
        async with running_gateway(hooks(there)) as running:
            there.answers[SLACK] = Answer(404, body=b"no_service")
            answer = await ask(running.port, "POST", "/admin/v1/alerts/test")
            outcome = {one["name"]: one for one in json.loads(answer.body)["webhooks"]}
            assert {name: one["ok"] for name, one in outcome.items()} == {
                "slack": False, "pagerduty": True, "generic": True,
            }  # fmt: skip
            assert outcome["slack"]["problem"] == "it answered 404"
            assert "planted" not in answer.body.decode()
            assert [event["event_action"] for event in bodies(there, PAGERDUTY)] == ["trigger", "resolve"]
            assert bodies(there, PLAIN)[0]["event"] == "test"
            assert (await shown(running))["open"] == [], "a test is no alert"


@looped
async def test_what_is_asked_wrongly() -> None:
    async with running_gateway(OPEN_ECHO) as running:
        assert (await ask(running.port, "GET", "/admin/v1/alerts?count=x")).status == 400
        assert (await ask(running.port, "POST", "/admin/v1/alerts/close")).status == 404
        assert json.loads((await ask(running.port, "POST", "/admin/v1/alerts/test")).body) == {"webhooks": []}
        assert len((await shown(running, "?count=0"))["closed"]) == 0


@looped
async def test_the_config_shows_no_secret() -> None:
    with ScriptedUpstream() as there:
        async with running_gateway(hooks(there)) as running:
            shown = (await ask(running.port, "GET", "/admin/v1/config")).body.decode()
            assert '"format":"slack"' in shown.replace(" ", "")
            assert "planted" not in shown


def test_the_log_says_it_always(caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        async with running_gateway(OPEN_ECHO) as running:
            told(running).tell(alert("a1", "critical"))
            told(running).tell(alert("a1", "critical", closed=1.0))

    caplog.set_level(logging.INFO, "penstock")
    asyncio.run(go())
    lines = [(record.levelname, record.getMessage()) for record in caplog.records if "alert a1" in record.getMessage()]
    assert lines == [
        ("ERROR", "alert a1 opened (critical) high_latency: gpu-1 is slow"),
        ("INFO", "alert a1 closed (critical) high_latency: gpu-1 is slow"),
    ]


@looped
async def test_after_a_restart_what_was_is_known_and_what_was_open_is_over(tmp_path: Path) -> None:
    with ScriptedUpstream() as there:
        text = hooks(there, f"store: 'sqlite:{tmp_path}/s.db'\n")
        async with running_gateway(text) as running:
            began = time.time() - 100.0
            told(running).tell(alert("a1", opened=began, closed=began + 5.0 - OPENED))
            told(running).tell(alert("a2", opened=began, name="error_burst"))
            await until(lambda: len(bodies(there, PAGERDUTY)) == 2)  # of the first, only that it is over
        async with running_gateway(text) as running:
            book = told(running).book
            await until(lambda: len(book.closed_ones(10)) == 2)
            view = await shown(running)
            assert view["open"] == []
            assert [(one["id"], one["facts"].get("closed_because")) for one in view["closed"]] == [
                ("a2", "the gateway restarted"), ("a1", None),
            ]  # fmt: skip
            await until(lambda: len(bodies(there, PAGERDUTY)) == 3)
            last = bodies(there, PAGERDUTY)[-1]
            assert last["event_action"] == "resolve", "an incident would else stay open for ever"
            assert last["dedup_key"] == bodies(there, PAGERDUTY)[1]["dedup_key"]


@looped
async def test_what_is_told_before_the_history_was_read_is_not_taken_for_history() -> None:
    async with running_gateway(OPEN_ECHO) as running:
        alerts, store = told(running), running.gateway.store
        alerts.tell(alert("a1"))
        alerts.tell(alert("a2", closed=1.0, name="other"))
        assert store is not None
        await store.flush()
        assert alerts._history is not None
        await alerts._remember(alerts._history)
        view = await shown(running)
        assert [one["id"] for one in view["open"]] == ["a1"]
        assert [one["id"] for one in view["closed"]] == ["a2"]


@looped
async def test_a_reload_keeps_what_waits() -> None:
    with ScriptedUpstream() as there:
        text = hooks(there)
        async with running_gateway(text) as running:
            there.answers[SLACK] = Answer(503)
            told(running).tell(alert())
            await until(lambda: bodies(there, SLACK))
            running.path.write_text(text.replace("severity: low", "severity: medium"))
            assert (await running.team.reload())["ok"]
            refused = len(bodies(there, SLACK))
            there.answers[SLACK] = Answer(200)
            await until(lambda: len(bodies(there, SLACK)) > refused)
            view = await sent(running, 1, 1, 1)
            assert [hook["severity"] for hook in view["webhooks"]] == ["medium", "high", "medium"]
            running.path.write_text(OPEN_ECHO)
            assert (await running.team.reload())["ok"]
            assert (await shown(running))["webhooks"] == []


@looped
async def test_what_cannot_be_written_is_told_without_it() -> None:
    with ScriptedUpstream() as there:
        async with running_gateway(hooks(there)) as running:
            told(running).tell(alert(text="half \ud800", facts={"what": object()}))
            await until(lambda: len(there.requests) == 3)
            assert bodies(there, PLAIN)[0]["alert"]["text"] == "half ?"
            assert (await shown(running))["open"][0]["facts"] == {}


def test_only_the_first_worker_keeps_them() -> None:
    async def go() -> None:
        fleet: Any = None
        for number, keeps in ((0, True), (1, False)):
            watching = Gateway(number, fleet).watching
            assert watching is not None
            assert ("alerts" in watching.answers, watching.alerts is not None) == (keeps, keeps)

    asyncio.run(go())
