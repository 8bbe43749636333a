from penstock.observe.resume_page import RESUME_METRICS, put_resume


class Noted:
    def __init__(self) -> None:
        self.samples: dict[tuple[str, object], float] = {}

    def put(self, name: str, value: float, **labels: object) -> None:
        assert name in RESUME_METRICS
        self.samples[name, next(iter(labels.values()))] = value


def test_streams_of_all_workers_together() -> None:
    page = Noted()
    put_resume(page, [{"kept": 3, "running": 1, "opened": 5, "resumed": 2, "refused": 0}] * 2)
    assert page.samples == {
        ("penstock_resume_streams", "running"): 2,
        ("penstock_resume_streams", "finished"): 4,
        ("penstock_resume_total", "opened"): 10,
        ("penstock_resume_total", "resumed"): 4,
        ("penstock_resume_total", "refused"): 0,
    }


def test_nothing_without_the_room() -> None:
    page = Noted()
    put_resume(page, [])
    assert page.samples == {}
