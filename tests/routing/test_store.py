import logging
import stat
from pathlib import Path

import msgspec
import pytest

from penstock.routing import store
from penstock.routing.record import Decision, snapshot
from penstock.routing.replay import parse
from penstock.routing.store import Decisions
from penstock.routing.strategies import make_strategy
from penstock.routing.strategies.strategy import Shared
from tests.support.targets import ask, targets


def decision(number: int, size: int = 2) -> Decision:
    shared = Shared()
    made = snapshot("m", "round_robin", make_strategy("round_robin", shared), shared, targets(*[1] * size), ask())
    return msgspec.structs.replace(made, at=float(number))


def kept(decisions: Decisions, count: int = 100) -> list[float]:
    return [one.at for one in decisions.last(count)]


def test_it_wants_nothing_unless_told() -> None:
    decisions = Decisions()
    assert not decisions.wanted
    decisions.keep(decision(1))
    assert decisions.last(5) == []
    decisions.follow(3, None)
    assert decisions.wanted


def test_the_newest_stay_the_newest_first() -> None:
    decisions = Decisions()
    decisions.follow(3, None)
    for number in range(5):
        decisions.keep(decision(number))
    assert kept(decisions) == [4.0, 3.0, 2.0]
    assert kept(decisions, 2) == [4.0, 3.0]
    decisions.follow(1, None)
    assert kept(decisions) == [4.0]
    decisions.follow(0, None)
    assert kept(decisions) == []


def test_of_large_fleets_fewer_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_CANDIDATES", 10)
    decisions = Decisions()
    decisions.follow(100, None)
    for number in range(6):
        decisions.keep(decision(number, 4))
    assert kept(decisions) == [5.0, 4.0]
    decisions.keep(decision(6, 50))
    assert kept(decisions) == [6.0]  # the last one always stays


def test_a_file_gets_a_line_a_decision_that_nobody_else_may_read(tmp_path: Path) -> None:
    path = tmp_path / "routes"
    one, other = Decisions(), Decisions()
    for decisions in (one, other):  # two workers
        decisions.follow(0, str(path))
    one.keep(decision(1))
    other.keep(decision(2))
    one.flush()
    other.flush()
    one.keep(decision(3))
    one.follow(0, None)  # what is pending is written before it ends
    lines = path.read_bytes().splitlines()
    assert [parse(line).at for line in lines] == [1.0, 2.0, 3.0]
    assert parse(lines[0]) == decision(1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    one.flush()
    assert len(path.read_bytes().splitlines()) == 3


def test_bounds_of_what_is_pending_and_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("penstock").propagate = True
    monkeypatch.setattr(store, "MOST_PENDING", 3)
    monkeypatch.setattr(store, "MOST_FILE_BYTES", 10)
    path = tmp_path / "routes"
    decisions = Decisions()
    decisions.follow(0, str(path))
    for number in range(5):
        decisions.keep(decision(number))
    decisions.flush()
    assert (len(path.read_bytes().splitlines()), decisions.unwritten) == (3, 2)
    for _ in range(3):
        decisions.keep(decision(9))
        decisions.flush()
    assert (len(path.read_bytes().splitlines()), decisions.unwritten) == (3, 5)
    assert caplog.text.count("are not written") == 1


def test_a_file_that_cannot_be_written_costs_its_lines_and_one_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("penstock").propagate = True
    decisions = Decisions()
    decisions.follow(0, str(tmp_path / "none" / "routes"))
    for _ in range(2):
        decisions.keep(decision(1))
        decisions.flush()
    assert decisions.unwritten == 2
    assert caplog.text.count("No such file or directory") == 1
