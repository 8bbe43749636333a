from penstock.observe.cost_page import COST_METRICS, put_cost


class Noted:
    def __init__(self) -> None:
        self.samples: dict[tuple[object, ...], float] = {}

    def put(self, name: str, value: float, **labels: object) -> None:
        assert name in COST_METRICS
        self.samples[name.removeprefix("penstock_"), *labels.values()] = value


def test_dollars_of_all_workers_together() -> None:
    page = Noted()
    one = {"models": [["m", "up", 1_500_000]], "saved": {"cache": 5}, "idle": {"gpu": 2}, "unpriced": 3}
    two = {"models": [["m", "up", 500_000], ["n", "up", 1]], "saved": {"cache": 5}, "idle": {}, "unpriced": 1}
    put_cost(page, [one, two])  # type: ignore[arg-type]
    assert page.samples == {
        ("cost_dollars_total", "m", "up"): 2.0, ("cost_dollars_total", "n", "up"): 0.000001,
        ("saved_dollars_total", "cache"): 0.00001, ("idle_dollars_total", "gpu"): 0.000002,
        ("unpriced_calls_total",): 4,
    }  # fmt: skip


def test_nothing_without_the_slice() -> None:
    page = Noted()
    put_cost(page, [])  # type: ignore[arg-type]
    assert page.samples == {}
