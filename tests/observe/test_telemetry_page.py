from penstock.observe.telemetry_page import TELEMETRY_METRICS, put_telemetry
from tests.support.samples import Samples

PREFIX = "penstock_telemetry_"


def samples(*dumps: dict[str, object]) -> dict[tuple[object, ...], object]:
    page = Samples(TELEMETRY_METRICS, PREFIX)
    put_telemetry(page, dumps)
    return page.of


def test_workers_add_up() -> None:
    one = {"sent": {"traces": 3}, "dropped": [["traces", "full", 2]], "requests": [["metrics", "ok", 1]], "queued": 4}
    other = {"sent": {"traces": 1, "metrics": 9}, "dropped": [["traces", "full", 1]], "requests": [], "queued": 1}
    assert samples(one, other) == {
        ("sent_total", "traces"): 4, ("sent_total", "metrics"): 9, ("dropped_total", "traces", "full"): 3,
        ("requests_total", "metrics", "ok"): 1, ("queued",): 5,
    }  # fmt: skip


def test_the_counter_of_what_is_dropped_is_there_before_anything_is() -> None:
    found = samples({"sent": {}, "dropped": [], "requests": [], "queued": 0})
    assert found["dropped_total", "traces", "full"] == 0


def test_without_the_slice_nothing_is_said() -> None:
    assert samples() == {}
