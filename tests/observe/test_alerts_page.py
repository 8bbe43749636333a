from penstock.observe.alerts_page import ALERTS_METRICS, put_alerts
from penstock.observe.telemetry_page import TELEMETRY_METRICS
from tests.observe.test_telemetry_page import Lines

DUMP = {"open": {"high": 2}, "opened": {"high": 5}, "webhooks": [["slack", 3, {"sent": 4, "failed": 1}]]}


def test_what_the_worker_that_keeps_alerts_counted() -> None:
    page = Lines()
    put_alerts(page, [DUMP])
    assert page.lines == [
        ("penstock_alerts_open", 2, {"severity": "high"}),
        ("penstock_alerts_total", 5, {"severity": "high"}),
        ("penstock_webhook_posts_total", 4, {"webhook": "slack", "result": "sent"}),
        ("penstock_webhook_posts_total", 1, {"webhook": "slack", "result": "failed"}),
        ("penstock_webhook_queued", 3, {"webhook": "slack"}),
    ]
    assert {name for name, *_ in page.lines} == set(ALERTS_METRICS)
    assert not set(ALERTS_METRICS) & set(TELEMETRY_METRICS)


def test_workers_without_say_nothing() -> None:
    page = Lines()
    put_alerts(page, [])
    assert page.lines == []
