import pytest

from bench.routing_table import page, verdict


def rows(**series: list[float]) -> list[dict[str, list[float]]]:
    """Goodput of each policy by seed; p90 is a second less that."""
    seeds = len(next(iter(series.values())))
    return [{name: [values[seed], 1 - values[seed], 0.5] for name, values in series.items()} for seed in range(seeds)]


NOISE = [0.0, 0.01, -0.01, 0.005]


@pytest.mark.parametrize(
    ("ours", "theirs", "word"), [(0.9, 0.5, "first"), (0.5, 0.9, "loses"), (0.7, 0.7, "tied"), (0.701, 0.7, "tied")]
)
def test_verdicts(ours: float, theirs: float, word: str) -> None:
    some = rows(adaptive=[ours + gap for gap in NOISE], other=[theirs - gap for gap in NOISE], poor=[0.1] * 4)
    for measure, more in ((0, True), (1, False)):
        told = verdict(some, measure, more)
        assert (told.word, told.rival) == (word, "other")
    assert ("loses to other -0.398" in str(verdict(some, 0, True))) == (word == "loses")


def test_the_best_on_average_may_be_tied_while_a_steady_one_wins() -> None:
    some = rows(adaptive=[0.5] * 4, wild=[0.1, 0.99, 0.99, 0.99], steady=[0.51, 0.52, 0.51, 0.52])
    assert verdict(some, 0, True).rival == "steady"


def test_all_cells_are_published_with_their_sums() -> None:
    kept = {
        f"{cell} / {seed}": row
        for cell in ("t / equal", "t / mixed")
        for seed, row in enumerate(rows(adaptive=[0.5] * 3, b=[0.6] * 3))
    }
    text = page(["t / equal", "t / mixed"], kept, 3)
    assert text.count("loses to b") == 4
    assert "| goodput, mixed | 0 | 0 | 1 |" in text
    assert "| mixed | b | -0.100 ± 0.000 | worse | 1.25 (1.25 to 1.25) | worse |" in text
