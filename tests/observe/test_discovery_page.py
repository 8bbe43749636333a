from penstock.observe.discovery_page import DISCOVERY_METRICS, RESULTS, put_discovery


class Noted:
    def __init__(self) -> None:
        self.samples: dict[tuple[str, ...], float] = {}

    def put(self, name: str, value: float, **labels: object) -> None:
        assert name in DISCOVERY_METRICS
        self.samples[name, *map(str, labels.values())] = value


def test_each_result_has_a_number_also_those_that_have_not_come() -> None:
    page = Noted()
    put_discovery(page, {"x": {"instances": 2, "failed": 3}, "y": {"instances": 0}})
    assert page.samples["penstock_discovered_instances", "x"] == 2
    assert page.samples["penstock_discovered_instances", "y"] == 0
    looks = {key[1:]: value for key, value in page.samples.items() if len(key) == 3}
    assert looks == {(name, result): 0 for name in "xy" for result in RESULTS} | {("x", "failed"): 3}
