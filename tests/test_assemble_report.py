import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from penstock.assemble_report import Reporting
from penstock.core.alert import Alert
from penstock.core.windows import SPAN
from tests.support.gateway import ECHO, OPEN_ECHO, Running, running_gateway
from tests.support.histories import History, Kept
from tests.support.load import Kept as Caller
from tests.support.load import chat
from tests.support.passed import Passed
from tests.support.sockets import ask
from tests.support.spans import call, failed, hit, window

QUICK = OPEN_ECHO + "insight: {bottleneck: {over: 10s, least_calls: 5}}\n"


def play(scenario: Callable[[Running, Reporting], Coroutine[Any, Any, None]], config: str = QUICK) -> None:
    async def main() -> None:
        async with running_gateway(config) as gateway:
            watching = gateway.gateway.watching
            assert watching is not None
            (part,) = [part for part in watching.parts if isinstance(part, Reporting)]
            await learned(part)
            watching.takers.remove(part.take)  # a scenario brings its own windows, too
            watching.history = None  # a scenario brings its own
            await scenario(gateway, part)

    asyncio.run(main())


async def learned(part: Reporting) -> None:
    async with asyncio.timeout(20):
        while part._early is not None:  # noqa: ASYNC110 - it has no event of its own
            await asyncio.sleep(0.005)


def begun(gateway: Running, ago: float) -> float:
    """The start of a window so many seconds ago."""
    now = gateway.gateway.clock.wall()
    return now - now % SPAN - ago


async def got(gateway: Running, path: str) -> tuple[int, dict[str, Any]]:
    answer = await ask(gateway.port, "GET", f"/admin/v1/{path}", headers=[gateway.bearer] if gateway.key else [])
    return answer.status, json.loads(answer.body)


class Alerts:
    def __init__(self) -> None:
        self.told: list[tuple[str, bool]] = []

    def tell(self, alert: Alert) -> None:
        self.told.append((alert.name, alert.closed is not None))


def test_bottlenecks_of_the_last_windows_over_http() -> None:
    async def scenario(gateway: Running, part: Reporting) -> None:
        for ago in (20.0, 10.0):
            part.take(window(begun(gateway, ago), [call(first_byte=0.7)] * 10, {"loop_lag": 0.2}))
        status, told = await got(gateway, "bottlenecks")
        assert status == 200
        assert [one["kind"] for one in told["bottlenecks"]] == ["context", "event_loop"]
        assert told["calls"] == 10
        assert [one.kind for one in part._watching.bottlenecks_open()] == ["context", "event_loop"]
        assert told["where"]["prefill"] > 0.6
        gateway.path.write_text(QUICK.replace("least_calls: 5", "least_calls: 5, loop: 1s, context: 1"))
        assert (await gateway.team.reload())["ok"]
        for ago in (0.0, -10.0, -20.0):
            part.take(window(begun(gateway, ago), [call(first_byte=0.7)] * 10, {"loop_lag": 0.2}))
        assert (await got(gateway, "bottlenecks"))[1]["bottlenecks"] == []

    play(scenario)


def test_calls_that_passed_are_in_the_report() -> None:
    async def scenario(gateway: Running, part: Reporting) -> None:
        passed = Passed(gateway.gateway, part.take, begun(gateway, 10.0))
        caller = await Caller.dial(gateway.port)
        for _ in range(3):
            assert (await caller.ask(chat("echo", keep=True))).status == 200
        caller.writer.close()
        await passed.end_window(3)
        status, told = await got(gateway, "report?since=1h")
        assert status == 200
        assert told["summary"]["calls"] == 3
        assert told["summary"]["models"][0]["name"] == "echo"
        assert told["until"] - told["since"] == 3600.0
        assert set(told["absent"]) <= {"history", "anomalies", "experiments"}
        assert [row["name"] for row in told["objectives"]] == ["availability", "p95"]

    play(scenario)


def test_calls_that_wait_for_seats_are_found_with_whom_they_wait_for() -> None:
    limited = (
        "auth: {mode: open}\nupstreams: {up: {kind: echo, tokens_per_second: 100, max_in_flight: 1}}\n"
        "models: {echo: {upstreams: [up]}}\ninsight: {bottleneck: {over: 10s, least_calls: 5}}\n"
        "cache: {exact: {enabled: false}}\ncoalesce: {enabled: false}\n"
    )

    async def scenario(gateway: Running, part: Reporting) -> None:
        passed = Passed(gateway.gateway, part.take, begun(gateway, 10.0))
        question = {
            "model": "echo",
            "stream": True,
            "messages": [{"role": "user", "content": "one two three four five"}],
        }
        for _ in range(2):
            answers = await asyncio.gather(
                *(ask(gateway.port, "POST", "/v1/chat/completions", body=question, within=60.0) for _ in range(8))
            )
            assert {answer.status for answer in answers} == {200}
            await passed.end_window(8)
        (one,) = (await got(gateway, "bottlenecks"))[1]["bottlenecks"]
        assert one["kind"] == "queueing"
        assert one["evidence"]["calls_held"] == 7
        assert one["impact"] > 0.05

    play(scenario, limited)


def test_at_a_glance() -> None:
    async def scenario(gateway: Running, part: Reporting) -> None:
        part.take(window(begun(gateway, 10.0), [call()] * 4))
        status, told = await got(gateway, "report?view=now")
        assert status == 200
        assert told["summary"]["calls"] == 4
        assert "trends" not in told

    play(scenario)


def test_the_history_is_asked_for_both_spans_and_not_twice() -> None:
    async def scenario(gateway: Running, part: Reporting) -> None:
        start = begun(gateway, 0.0)
        past = (window(start - 300.0 * place, [call()] * 4) for place in range(1, 49))
        part._watching.history = history = Kept(*past)
        part.take(window(start - 10.0, []))
        told = await part.tell_report({"since": "2h"})
        assert history.asked[0] == (start - 4 * 3600.0, start - start % 60.0, 300.0)
        assert told["summary"]["calls"] == 96
        assert told["trends"]
        assert "history" not in told["absent"]
        history.asked.clear()
        await part.tell_recommendations({"since": "2h"})
        assert history.asked == []
        part.take(window(start, []))
        await part.tell_report({"since": "2h"})
        assert history.asked

    play(scenario)


def test_recommendations_from_the_workers_own_words() -> None:
    async def scenario(gateway: Running, part: Reporting) -> None:
        for place in range(60):
            part.take(
                window(begun(gateway, 600.0 - 10.0 * place), [hit()] * 2 + [call(model="echo", cache="miss")] * 8)
            )
        leak = {"name": "memory", "growth": 50e6, "seconds": 100.0, "calls": 5, "value": 200e6, "share": 0.4,
                "at": gateway.gateway.clock.now() - 5.0, "types": [["dict", 9]]}  # fmt: skip
        gateway.gateway.tending.watch.last = leak
        status, told = await got(gateway, "recommendations?since=10m")
        assert status == 200
        assert [one["type"] for one in told["recommendations"]] == ["memory_leak", "hit_rate"]
        assert told["recommendations"][1]["actions"][1]["config"] == "cache: {semantic: {enabled: true}}"

    play(scenario)


def test_a_spent_budget_is_told_to_who_keeps_alerts() -> None:
    async def scenario(gateway: Running, part: Reporting) -> None:
        part._watching.alerts = alerts = Alerts()
        for place in range(30):
            part.take(window(begun(gateway, 300.0 - 10.0 * place), [failed()] * 5 + [call()] * 5))
        assert alerts.told == [("objective_availability_fast", False)]
        told = (await got(gateway, "objectives"))[1]
        assert [one["name"] for one in told["alerts"]] == ["objective_availability_fast"]
        assert not told["objectives"][0]["met"]

    play(scenario)


def test_without_such_a_one_it_is_logged_and_in_the_report(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(gateway: Running, part: Reporting) -> None:
        part._watching.alerts = None
        part._watching.answers.pop("alerts", None)
        for place in range(30):
            part.take(window(begun(gateway, 300.0 - 10.0 * place), [failed()] * 5))
        assert any("alert objective_availability_fast is open" in line for line in caplog.messages)
        (row,) = (await part.tell_report({}))["alerts"]
        assert row["closed"] is None

    play(scenario)


def test_what_was_before_this_start_counts_for_the_budgets() -> None:
    async def scenario(gateway: Running, part: Reporting) -> None:
        start = begun(gateway, 0.0)
        before = [window(start - 7200.0, [failed()] * 7), window(start - 10.0, [failed()] * 100)]
        part._watching.history = history = Kept(*before)
        part.open()
        part.take(window(start - 10.0, [call()] * 3))  # the history has it, too: it counts once
        await learned(part)
        row = (await part.tell_objectives({}))["objectives"][0]
        assert (row["total"], row["bad"]) == (10, 7)
        assert history.asked[0][1] - history.asked[0][0] == pytest.approx(30 * 86_400.0, abs=3700)  # by whole hours

    play(scenario)


def test_a_history_that_cannot_be_read_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(gateway: Running, part: Reporting) -> None:
        part._watching.history = History(error=OSError("gone"))
        part.open()
        await learned(part)
        part.take(window(begun(gateway, 10.0), [call()] * 3))
        assert (await part.tell_objectives({}))["objectives"][0]["total"] == 3

    play(scenario)
    assert any("begin anew" in line for line in caplog.messages)


def test_what_other_parts_say_is_in_it_as_far_as_it_concerns_the_time() -> None:
    async def scenario(gateway: Running, part: Reporting) -> None:
        now = gateway.gateway.clock.wall()

        async def anomalies(question: dict[str, Any]) -> dict[str, Any]:
            old, new = now - 90_000.0, now - 60.0
            return {"open": [{"id": "a3", "kind": "x", "end": None}], "shapes": [1],
                    "over": [{"id": "a1", "kind": "x", "end": old}, {"id": "a2", "kind": "x", "end": new},
                             {"id": "a3", "kind": "x", "end": None}]}  # fmt: skip

        async def experiments(question: dict[str, Any]) -> dict[str, Any]:
            return {"proposals": [{"id": "p1"}], "experiments": [{"id": "e1", "state": "kept", "ended": now}]}

        async def broken(question: dict[str, Any]) -> dict[str, Any]:
            return {"problems": ["no"], "status": 404}

        part._watching.answers |= {"anomalies": anomalies, "experiments": experiments, "alerts": broken}
        told = await part.tell_report({})
        assert [row["id"] for row in told["anomalies"]] == ["a3", "a2"]
        assert [row["id"] for row in told["experiments"]] == ["e1"]
        assert told["alerts"] == []
        glance = await part.tell_report({"view": "now"})
        assert [row["id"] for row in glance["anomalies"]] == ["a3"]

    play(scenario)


@pytest.mark.parametrize(("question", "says"), [
    ({"since": "soon"}, "since: a duration"), ({"since": "1s"}, "from 1m to 90d"), ({"since": "91d"}, "from 1m to 90d"),
    ({"do": "open", "body": "", "by": "key"}, "only told"),
])  # fmt: skip
def test_wrong_questions(question: dict[str, Any], says: str) -> None:
    async def scenario(gateway: Running, part: Reporting) -> None:
        for tell in (part.tell_report, part.tell_recommendations):
            assert says in (await tell(question))["problems"][0]
        if "do" in question:
            for tell in (part.tell_objectives, part.tell_bottlenecks):
                assert says in (await tell(question))["problems"][0]

    play(scenario)


def test_switched_off_it_judges_and_tells_nothing() -> None:
    async def scenario(gateway: Running, part: Reporting) -> None:
        part.take(window(begun(gateway, 10.0), [call()]))
        assert part.bottlenecks.seen is None
        for path in ("report", "bottlenecks", "recommendations", "objectives"):
            status, told = await got(gateway, path)
            assert status == 404
            assert "insight.enabled is false" in told["error"]["message"]

    play(scenario, OPEN_ECHO + "insight: {enabled: false}\n")


def test_only_an_admin_is_told() -> None:
    async def scenario(gateway: Running, part: Reporting) -> None:
        assert (await got(gateway, "report"))[0] == 200
        assert (await ask(gateway.port, "GET", "/admin/v1/report")).status == 401

    play(scenario, ECHO)
