from penstock.observe.histogram import Histogram
from penstock.observe.telemetry_page import TELEMETRY_METRICS, put_telemetry


class Lines:
    """A page that keeps what is put on it."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, float, dict[str, object]]] = []

    def put(self, name: str, value: float, **labels: object) -> None:
        self.lines.append((name, value, labels))

    def put_histogram(self, name: str, histogram: Histogram, **labels: object) -> None:
        raise AssertionError("there are none")


def test_workers_add_up() -> None:
    one = {
        "sent": {"traces": 3}, "dropped": [["traces", "full", 2]], "requests": [["metrics", "ok", 1]], "queued": 4,
    }  # fmt: skip
    other = {"sent": {"traces": 1, "metrics": 9}, "dropped": [["traces", "full", 1]], "requests": [], "queued": 1}
    page = Lines()
    put_telemetry(page, [one, other])
    assert ("penstock_telemetry_sent_total", 4, {"signal": "traces"}) in page.lines
    assert ("penstock_telemetry_dropped_total", 3, {"signal": "traces", "reason": "full"}) in page.lines
    assert ("penstock_telemetry_requests_total", 1, {"signal": "metrics", "result": "ok"}) in page.lines
    assert ("penstock_telemetry_queued", 5, {}) in page.lines
    assert {name for name, *_ in page.lines} == set(TELEMETRY_METRICS)


def test_a_counter_of_what_is_dropped_is_there_before_anything_is() -> None:
    page = Lines()
    put_telemetry(page, [{"sent": {}, "dropped": [], "requests": [], "queued": 0}])
    assert ("penstock_telemetry_dropped_total", 0, {"signal": "traces", "reason": "full"}) in page.lines


def test_without_the_slice_nothing_is_said() -> None:
    page = Lines()
    put_telemetry(page, [])
    assert page.lines == []
