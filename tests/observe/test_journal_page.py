from penstock.observe.journal_page import JOURNAL_METRICS, put_journal


class Noted:
    def __init__(self) -> None:
        self.samples: dict[object, float] = {}

    def put(self, name: str, value: float, **labels: object) -> None:
        assert name in JOURNAL_METRICS
        self.samples[labels["result"]] = value


def test_rows_of_all_workers_together() -> None:
    page = Noted()
    put_journal(page, [{"written": 3, "lost": 1}, {"written": 4, "lost": 0}])
    assert page.samples == {"written": 7, "lost": 1}


def test_nothing_without_a_journal() -> None:
    page = Noted()
    put_journal(page, [])
    assert page.samples == {}
