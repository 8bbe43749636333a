from pathlib import Path

import pytest

from bench.routing import BOUND, CALLS, LOADS, WHERE, Halves, cells
from penstock.simulate.hardware import ENGINES


def test_every_cell_of_the_bar_is_there() -> None:
    every = list(cells(quick=False))
    assert len(every) == len(set(every)) == 3 * 2 * 2 * 3 * 3
    assert len(list(cells(quick=True))) == 12
    assert all(engine in ENGINES for engine, _ in BOUND.values())
    assert all(set(calls) == set(LOADS) for calls in CALLS.values())


def test_without_the_traces_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="AzureLLM"):
        Halves(tmp_path, second=True).scenario(next(cells(quick=True)))


@pytest.mark.skipif(not WHERE.exists(), reason="the public traces are not here")
def test_the_second_half_judges() -> None:
    cell = next(cells(quick=True))
    fitted, judged = (Halves(WHERE, second).scenario(cell) for second in (False, True))
    assert (fitted.trace.name, judged.trace.name) != (judged.trace.name, fitted.trace.name)
    assert judged.trace.name.endswith("second half")
    assert fitted.trace.rows[-1].at < judged.trace.rows[0].at
    assert judged.base > 0
