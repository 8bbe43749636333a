from penstock.observe.alerts_page import ALERTS_METRICS, put_alerts
from tests.support.samples import Samples

DUMP = {"open": {"high": 2}, "opened": {"high": 5}, "webhooks": [["slack", 3, {"sent": 4, "failed": 1}]]}


def samples(*dumps: dict[str, object]) -> dict[tuple[object, ...], object]:
    page = Samples(ALERTS_METRICS, "penstock_")
    put_alerts(page, dumps)
    return page.of


def test_what_the_worker_that_keeps_alerts_counted() -> None:
    assert samples(DUMP) == {
        ("alerts_open", "high"): 2, ("alerts_total", "high"): 5, ("webhook_posts_total", "slack", "sent"): 4,
        ("webhook_posts_total", "slack", "failed"): 1, ("webhook_queued", "slack"): 3,
    }  # fmt: skip


def test_numbers_of_several_add_up() -> None:
    found = samples(DUMP, DUMP)
    assert found["webhook_posts_total", "slack", "sent"] == 8
    assert found["alerts_total", "high"] == 10


def test_workers_without_say_nothing() -> None:
    assert samples() == {}
