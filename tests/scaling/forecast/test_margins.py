import numpy as np
import pytest

from penstock.scaling.forecast.conformal import QUANTILES
from penstock.scaling.forecast.margins import LEAST, SHARES, Margins

ROWS = np.array([0])
GUESS = np.full((1, len(QUANTILES)), 1e6)


def played(number: int, spread: float, margins: Margins | None = None) -> tuple[Margins, list[float], list[float]]:
    """The first expert is right but for a spread; the second is blind. The bounds at 90 %, and what came."""
    rng = np.random.default_rng(0)
    margins = margins or Margins(1, 2, 300.0)
    bounds, came = [], []
    for _ in range(number):
        true = float(rng.uniform(50, 150))
        opinions = np.array([[true, 100.0]])
        bounds.append(float(margins.bounds(opinions, GUESS)[0, SHARES.index(0.9)]))
        came.append(true * float(np.exp(rng.normal(0, spread))))
        margins.learn(ROWS, opinions, GUESS, came[-1])
    return margins, bounds, came


def test_nothing_is_said_before_enough_was_seen() -> None:
    _, bounds, _ = played(LEAST, 0.1)
    assert all(np.isnan(bounds))


def test_the_bound_keeps_its_word_and_hears_who_knows() -> None:
    _, bounds, came = played(1500, 0.1)
    kept = [(bound, value) for bound, value in zip(bounds, came, strict=True) if not np.isnan(bound)][500:]
    assert np.mean([value <= bound for bound, value in kept]) == pytest.approx(0.9, abs=0.03)
    # A tenth's spread wants 13.7 % more at 90 %; the blind one's margin alone would be 40 %.
    assert np.mean([bound for bound, _ in kept]) == pytest.approx(114.0, rel=0.05)


def test_surer_is_never_lower_and_nothing_is_learned_from_nothing() -> None:
    margins, _, _ = played(400, 0.3)
    told = margins.bounds(np.array([[100.0, 100.0]]), GUESS)[0]
    assert list(told) == sorted(told)
    before = repr(margins)
    margins.learn(ROWS, np.array([[100.0, 100.0]]), GUESS, 0.0)
    assert repr(margins) == before


def test_a_state_goes_on_where_it_was() -> None:
    margins, _, _ = played(300, 0.2)
    other = Margins(1, 2, 300.0)
    other.restore({name: np.copy(value) for name, value in margins.state().items()})
    _, one, _ = played(50, 0.2, margins)
    _, two, _ = played(50, 0.2, other)
    assert one == two


def test_a_sleeping_expert_is_no_opinion() -> None:
    margins, _, _ = played(300, 0.1)
    told = margins.bounds(np.array([[np.nan, 100.0]]), GUESS)
    assert not np.isnan(told).any()
