from penstock.core.windows import GAUGES
from penstock.observe.gauges_page import GAUGE_METRICS, NAMED, put_gauges
from penstock.observe.prometheus import Page


def test_each_worker_tells_what_it_read_and_is_silent_on_the_rest() -> None:
    page = Page()
    put_gauges(page, [{"worker": 0, "cpu": 0.5, "loop_lag": 0.01}, {"worker": 1, "cpu": 0.25}])
    lines = [line for line in page.text().splitlines() if not line.startswith("#")]
    assert lines == [
        'penstock_cpu_ratio{worker="0"} 0.5',
        'penstock_cpu_ratio{worker="1"} 0.25',
        'penstock_loop_lag_seconds{worker="0"} 0.01',
    ]


def test_all_that_is_named_is_a_gauge_of_windows() -> None:
    assert NAMED.keys() <= GAUGES.keys()
    assert set(NAMED.values()) == set(GAUGE_METRICS)
