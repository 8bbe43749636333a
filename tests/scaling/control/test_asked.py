from typing import Any

import msgspec
import pytest

from penstock.scaling.actuators.signal_config import SignalConfig
from penstock.scaling.config import PoolConfig
from penstock.scaling.control.asked import ahead, brief, gauges, is_active, row, said, wanted
from penstock.scaling.control.ruling import Held
from penstock.scaling.control.service import Pool
from penstock.scaling.policy_config import PolicyConfig, ScheduleConfig
from penstock.scaling.seen import Seen
from tests.scaling.control.test_ruling import BEGAN, ruling


def known(wants: int = 4, **seen: Any) -> Pool:
    """A pool of which a decision was made."""
    one, _ = ruling(wants, cooldown_in=0.0)
    made = Pool(one)
    made.told = {"standing": {"wanted": 2, "replicas": [{"name": "x", "state": "failed"}]}, "wanted": 2, "why": "then"}
    made.seen = Seen(BEGAN + 1, ready=2, wanted=2, **seen)
    one.decide(made.seen, blind=False)
    return made


def asked(does: str, body: str, pools: dict[str, Pool] | None = None) -> Any:
    return said({"do": does, "body": body, "by": "key_1"}, {"gpu": known()} if pools is None else pools, 1000.0)


def test_before_a_decision_it_is_what_is_configured() -> None:
    one, _ = ruling(4)
    assert wanted(Pool(one)) == 1
    assert row(Pool(one), BEGAN)["desired_replicas"] == 1
    assert brief(Pool(one))["wanted"] == 1
    assert gauges(Pool(one)) == {"desired": 1, "held": 0, "forecast": None}


def test_a_row_is_plain_and_tells_why() -> None:
    pool = known(load=30.0, carries=10.0, upper=lambda seconds, share: 50.0, starts=40.0)
    told = row(pool, BEGAN)
    assert (told["actuator"], told["schedule"]) == ("signal", None)
    assert told["desired_replicas"] == 4
    assert told["decision"]["reason"] == "it says so"
    assert told["forecast"] == {"seconds": 40.0, "quantile": 0.9, "load": 50.0}
    assert [change["wanted"] for change in told["changes"]] == [4]
    assert msgspec.json.decode(msgspec.json.encode(told))["seen"]["load"] == 30.0
    published = gauges(pool)
    assert published["saturation"] == pytest.approx(1.5)
    assert (published["ready"], published["failed"]) == (2, 1)
    assert gauges(known(load=30.0))["saturation"] is None, "what a replica carries is not known"


def test_the_bounds_of_now_and_the_next_by_schedule_are_told() -> None:
    one, _ = ruling(4)
    policy = PolicyConfig(schedules=[ScheduleConfig(begin="12:00", end="13:00", min=3)], ceiling=8_000_000)
    one.pool = PoolConfig(min=1, max=10, signal=SignalConfig(), policy=policy)
    pool = Pool(one)
    assert row(pool, 0.0)["schedule"] == {"min": 1, "max": 10, "next": {"at": 43_200.0, "min": 3, "max": 10}}
    pool.told = {"standing": {"wanted": 1, "replicas": [], "price": 2.0}}
    assert row(pool, 43_200.0)["schedule"] == {"min": 3, "max": 4, "next": {"at": 46_800.0, "min": 1, "max": 4}}


def test_in_brief_there_is_what_changes_only_when_something_happens_and_two_numbers_of_now() -> None:
    assert brief(known(waiting=2.0, in_flight=5.0)) == {
        "wanted": 4, "ready": 0, "starting": 0, "draining": 0, "failed": 1, "waiting": 2.0, "in_flight": 5.0,
        "changed": BEGAN + 1, "held": False, "trouble": "",
    }  # fmt: skip


def test_no_forecast_is_told_where_there_is_none() -> None:
    assert ahead(known()) is None
    assert ahead(known(upper=lambda seconds, share: None)) is None


def test_a_pool_is_active_while_it_needs_a_replica() -> None:
    assert is_active(known(4))
    assert not is_active(known(0))
    assert is_active(known(0, waiting=1.0))
    assert is_active(known(0, in_flight=1.0))


def test_what_people_may_say() -> None:
    assert asked("want", '{"pool": "gpu", "count": 3}') == ("gpu", Held(3, "key_1", 1000.0))
    assert asked("want", '{"count": 3, "for": "1h"}') == ("gpu", Held(3, "key_1", 1000.0, 4600.0)), "there is but one"
    assert asked("pause", '{"pool": "gpu"}') == ("gpu", Held(None, "key_1", 1000.0))
    assert asked("pause", "") == ("gpu", Held(None, "key_1", 1000.0))
    assert asked("resume", '{"pool": "gpu"}') == ("gpu", None)


@pytest.mark.parametrize(
    ("does", "body", "says"),
    [
        ("destroy", "{}", "there are want, pause, resume"),
        ("want", "{", "the body is JSON"),
        ("want", "[]", "the body is JSON"),
        ("want", "[" * 60_000, "the body is JSON"),
        ("want", '{"pool": "cpu", "count": 3}', 'no pool "cpu"'),
        ("want", '{"count": 11}', "from 1 to 10"),
        ("want", '{"count": 0}', "from 1 to 10"),
        ("want", '{"count": true}', "from 1 to 10"),
        ("want", '{"count": "3"}', "from 1 to 10"),
        ("want", "{}", "from 1 to 10"),
        ("pause", '{"for": "soon"}', "for: a duration"),
        ("pause", '{"for": "31d"}', "30d at most"),
        ("pause", '{"for": "0"}', "30d at most"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_words(does: str, body: str, says: str) -> None:
    told = asked(does, body)
    assert told["status"] in (400, 404)
    assert says in told["problems"][0]


def test_of_several_pools_one_must_be_named() -> None:
    pools = {"a": known(), "b": known()}
    assert asked("pause", "{}", pools)["status"] == 404
