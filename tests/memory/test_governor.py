import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.overload import Pressure
from penstock.core.priority import BATCH, HIGH, LOW, NORMAL
from penstock.memory.governor import LEAST, SPARE, Governor
from penstock.memory.ledger import Ledger
from penstock.memory.limit import MIB, Limit

LIMIT = 1000 * MIB
BASE = 50 * MIB


class Cache:
    """Gives back what it is told to."""

    def __init__(self) -> None:
        self.shares: list[float] = []

    def squeeze(self, share: float) -> int:
        self.shares.append(share)
        return 7 * MIB


class Ground:
    def __init__(self) -> None:
        self.ledger = Ledger()
        self.bodies = self.ledger.account("bodies", LIMIT)
        self.pressure = Pressure()
        self.cache, self.buffer = Cache(), Cache()
        self.resume: list[bool] = []
        self.governor = Governor(
            Limit(LIMIT, "memory.limit", LIMIT), BASE, self.ledger, self.pressure,
            caches=[self.cache], buffers=[self.buffer], resume=self.resume.append, now=lambda: 0.0,
        )  # fmt: skip
        self.governor.look(BASE)


def test_in_order_caches_buffers_resume_shedding_and_all_of_it_back_again() -> None:
    ground = Ground()
    pressure = ground.pressure
    ground.bodies.reserve(LIMIT // 10)
    seen = []
    for share in (0.2, 0.4, 0.65, 0.75, 0.85, 0.95, 0.5, 0.1):
        measures = ground.governor.look(int(share * LIMIT))
        seen.append((pressure.level, measures.caches, measures.buffers, measures.resume, pressure.floor))
    assert seen == [
        (0, 1.0, 1.0, True, 3),
        (1, 1.0, 1.0, True, 3),
        (2, 0.75, 1.0, True, 3),
        (3, 0.5, 0.5, False, 2),
        (4, 0.25, 0.25, False, 1),
        (5, 0.05, 0.1, False, 0),
        (1, 1.0, 1.0, True, 3),
        (0, 1.0, 1.0, True, 3),
    ]
    assert ground.cache.shares == [0.75, 0.5, 0.25, 0.05, 1.0]
    assert ground.buffer.shares == [0.5, 0.25, 0.1, 1.0]
    assert ground.resume == [False, True]
    steps = ground.governor.dump()["steps"]
    assert steps["shrink caches"][:2] == [4, 28 * MIB]
    assert steps["shed"][0] == 3
    assert steps["admit"][0] == 1


def test_at_the_limit_nobody_is_admitted_while_calls_fill_it() -> None:
    ground = Ground()
    ground.bodies.reserve(600 * MIB)
    ground.governor.look(LIMIT)
    assert ground.pressure.floor == -1
    ground.bodies.release(400 * MIB)
    ground.governor.look(LIMIT)
    assert ground.pressure.floor == HIGH


def test_memory_that_no_call_holds_does_not_shut_ordinary_calls_out_for_good() -> None:
    ground = Ground()
    ground.governor.look(int(0.97 * LIMIT))
    assert (ground.pressure.level, ground.pressure.floor) == (5, NORMAL)
    assert ground.bodies.reserve(int(LIMIT * LEAST))
    assert not ground.bodies.reserve(1)


def test_idle_connections_do_not_shut_everybody_out() -> None:
    ground = Ground()
    ground.ledger.account("connections", LIMIT).charge(LIMIT)
    ground.governor.look(LIMIT)
    assert (ground.pressure.level, ground.pressure.floor) == (5, NORMAL)
    assert ground.bodies.reserve(int(LIMIT * LEAST))


def test_the_critical_is_told_once_and_again_when_it_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    ground = Ground()
    with caplog.at_level(logging.WARNING, "penstock"):
        for share in (0.95, 0.96, 0.89, 0.95, 0.5, 0.95):
            ground.governor.look(int(share * LIMIT))
    told = [record.message for record in caplog.records if "critically" in record.message]
    assert len(told) == ground.governor.alerts == 2
    assert "bodies 0 MiB" in told[0]


@given(held=st.integers(0, 880), rss=st.integers(50, 1200))
def test_what_the_ledger_may_give_out_fits_beside_all_else(held: int, rss: int) -> None:
    ground = Ground()
    ground.bodies.reserve(held * MIB)
    ground.governor.look(rss * MIB)
    beside = max(BASE, (rss - held) * MIB)
    assert ground.ledger.room == max(int(LIMIT * LEAST), int(LIMIT * (1.0 - SPARE)) - beside)
    assert ground.ledger.alarm_at >= ground.ledger.held


def test_between_two_looks_the_next_band_asks_for_one() -> None:
    ground = Ground()
    asked: list[int] = []
    ground.ledger.alarm = lambda: asked.append(ground.ledger.held)
    for _ in range(6):
        ground.bodies.reserve(50 * MIB)
    assert asked == [300 * MIB]  # 0.3 of the limit, with the base
    ground.governor.look(BASE + 300 * MIB)
    assert ground.pressure.level == 1
    for _ in range(6):
        ground.bodies.reserve(50 * MIB)
    assert len(asked) == 2


def test_another_limit_changes_all(caplog: pytest.LogCaptureFixture) -> None:
    ground = Ground()
    ground.governor.look(400 * MIB)
    assert ground.pressure.floor == BATCH
    ground.governor.follow(Limit(500 * MIB, "memory.limit", 500 * MIB))
    ground.governor.look(400 * MIB)
    assert ground.pressure.floor < LOW
    assert "limit" in ground.governor.dump()
