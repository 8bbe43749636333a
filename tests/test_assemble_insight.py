import asyncio
from typing import Any

from penstock.assemble_insight import told
from penstock.core.windows import Window
from penstock.insight.findings import Anomaly, Contributor
from tests.support.gateway import OPEN_ECHO, Running, ask, running_gateway
from tests.support.series_of_windows import Quiet

KEPT = OPEN_ECHO + "store: sqlite\n"


class Alerts:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def tell(self, alert: Any) -> None:
        self.told.append(alert)


def blocked(gateway: Running) -> Any:
    """An Insight that has found the loop blocked."""
    watching = gateway.gateway.watching
    assert watching is not None
    assert watching.insight is not None
    watching.takers.remove(watching.insight.take)  # the gateway's own windows would come in between
    quiet = Quiet(1)
    for _ in range(120):
        watching.insight.take(quiet.next())
    quiet.gauges = {"loop_lag": 0.8}
    for _ in range(6):
        watching.insight.take(quiet.next())
    return watching.insight, quiet


def test_what_is_found_is_told_and_is_an_alert_until_it_ends() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            alerts = Alerts()
            gateway.gateway.watching.alerts = alerts
            insight, quiet = blocked(gateway)
            (anomaly,) = insight.anomalies_open()
            assert anomaly.kind == "loop_blocked"
            answer = (await ask(gateway.port, "GET", "/admin/v1/anomalies")).json()
            assert [one["blames"] for one in answer["open"]] == ["gauge=loop_lag"]
            assert answer["closed"] == []
            quiet.gauges = {}
            for _ in range(20):
                insight.take(quiet.next())
            assert insight.anomalies_open() == []
            answer = (await ask(gateway.port, "GET", "/admin/v1/anomalies?last=1")).json()
            assert [one["id"] for one in answer["closed"]] == ["a1"]
            assert [(one.name, one.closed is None) for one in alerts.told] == [
                ("anomaly_loop_blocked", True), ("anomaly_loop_blocked", False),
            ]  # fmt: skip

    asyncio.run(main())


def test_other_judges_are_given_windows_after_it() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            insight = gateway.gateway.watching.insight  # type: ignore[union-attr]
            assert insight is not None
            given: list[Window] = []
            insight.judges.append(given.append)
            insight.take(Window(0.0))
            assert len(given) == 1

    asyncio.run(main())


def test_wrong_questions_are_refused() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            wrong = await ask(gateway.port, "GET", "/admin/v1/anomalies?last=many")
            assert wrong.status == 400
            for part in ("anomalies", "quality"):
                assert (await ask(gateway.port, "POST", f"/admin/v1/{part}/forget")).status == 404

    asyncio.run(main())


def test_quality_is_what_callers_said() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            watching = gateway.gateway.watching
            assert watching is not None
            assert watching.insight is not None
            watching.insight.take(Window(gateway.gateway.clock.wall(), feedback={"echo": (2, 1.0)}))
            answer = (await ask(gateway.port, "GET", "/admin/v1/quality")).json()
            assert answer["models"]["echo"]["score"] == 0.5

    asyncio.run(main())


def test_switched_off_it_judges_nothing() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO + "insight: {enabled: false}\n") as gateway:
            insight, _ = blocked(gateway)
            assert insight.anomalies_open() == []
            assert not (await ask(gateway.port, "GET", "/admin/v1/anomalies")).json()["enabled"]

    asyncio.run(main())


def test_a_reload_with_other_rules_keeps_what_is_usual() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            insight, quiet = blocked(gateway)
            gateway.path.write_text(gateway.path.read_text() + "insight: {anomaly: {memory: 0.6, alert: 'off'}}\n")
            await gateway.team.reload()
            assert insight.anomalies_open() == []
            assert [(one.id, one.end is not None) for one in insight.anomalies(5)] == [("a1", True)]
            for _ in range(6):
                insight.take(quiet.next())
            (anomaly,) = insight.anomalies_open()
            assert (anomaly.id, anomaly.kind) == ("a2", "loop_blocked")

    asyncio.run(main())


def test_what_is_known_survives_a_restart() -> None:
    async def main() -> None:
        async with running_gateway(KEPT) as gateway:
            insight, quiet = blocked(gateway)
            for _ in range(60):
                insight.take(quiet.next())
            store = gateway.gateway.store
            assert store is not None
            assert await store.flush()
            after = type(insight)(gateway.gateway.watching)
            after.follow(gateway.gateway.config)
            await after._remember(store.records("insight_usual"), store.records("insight_anomalies"))
            (anomaly,) = after.anomalies(5)
            assert anomaly.end is not None
            assert after._found.last == 1
            assert len(after._found.names()) > 5

    asyncio.run(main())


def test_an_anomaly_as_plain_values() -> None:
    anomaly = Anomaly(
        id="a1", kind="disk", severity="low", measure="disk", actual=0.1, expected=0.5, start=1.0,
        contributors=[Contributor("gauge", "disk", 1.0)],
    )  # fmt: skip
    plain = told(anomaly)
    assert plain["blames"] == "gauge=disk"
    assert plain["contributors"] == [{"dimension": "gauge", "value": "disk", "share": 1.0}]
