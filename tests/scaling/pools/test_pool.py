import asyncio

from penstock.scaling.actuators.signal_config import SignalConfig
from penstock.scaling.config import PoolConfig
from penstock.scaling.pools.plan import Going, Plan
from penstock.scaling.pools.pool import LONGEST_AWAKE_SECONDS, WAKE_SECONDS, Pool, addresses
from penstock.scaling.replica import Replica, Standing
from tests.support.pools import Played


def pool(least: int = 0) -> Pool:
    config = PoolConfig(min=least, max=3, signal=SignalConfig())
    return Pool("p", config, least, Played(), asyncio.Event(), asyncio.Lock())


def test_what_is_decided_stays_within_the_bounds() -> None:
    one = pool(1)
    for asked, wanted in ((9, 3), (0, 1), (2, 2)):
        one.want(asked, "w" * 900)
        assert (one.wanted, len(one.why), one.changed.is_set()) == (wanted, 500, True)


def test_a_pool_that_was_woken_stays_up_for_as_long_as_the_call_may_wait() -> None:
    one = pool()
    assert one.wake(100.0, 20.0)
    assert not one.wake(101.0, 5.0)  # it is awake, and for longer than that
    one.want(0, "no load was seen")
    assert one.due(100.0 + 20.0 + WAKE_SECONDS - 0.1) == 1
    assert one.due(100.0 + 20.0 + WAKE_SECONDS) == 0
    one.wake(200.0, 1e9)
    assert one.due(200.0 + LONGEST_AWAKE_SECONDS + WAKE_SECONDS) == 0


def test_no_call_wakes_one_that_is_barred() -> None:
    one = pool()
    one.wake(100.0, 20.0)
    one.want(0, "set to 0 by key_1", barred=True)
    assert one.due(101.0) == 0
    assert not one.wake(102.0, 20.0)
    assert (one.due(102.0), one.why, one.row(102.0)["barred"]) == (0, "set to 0 by key_1", True)
    one.want(0, "no load was seen")
    assert one.due(103.0) == 1


def test_routing_knows_those_that_are_ready_and_not_those_that_are_taken_out() -> None:
    one = pool()
    stands = [
        Replica("a", "h:1", "ready"), Replica("b", "h:2"), Replica("c", "h:3", "failed"),
        Replica("d", "h:4", "draining"), Replica("e", "h:5", "ready"), Replica("f", "", "ready"),
    ]  # fmt: skip
    one.going = {"a": Going(1.0), "e": Going(1.0, out=2.0), "gone": Going(1.0)}
    living = one.see(Standing(3, stands))
    assert one.serving(living) == ["h:1", "h:4"]
    assert addresses(living, ["f", "a"]) == ["h:1"]
    assert set(one.going) == {"a", "e"}


def test_its_row_tells_how_long_a_start_takes_and_when_the_next_is_due() -> None:
    one = pool()
    assert (one.row(5.0)["starts"], one.row(5.0)["due_in"]) == (0.0, 0.0)
    for took in (4.0, 10.0, 6.0):
        one.see(Standing(1, [Replica(f"r{took}", "h:1", "ready", took=took)]))
        one.see(Standing(1, [Replica(f"r{took}", "h:1", "ready", took=took)]))
    one.see(Standing(1, [Replica("next", asked=100.0)]))
    one.going["next"] = Going(1.0)
    row = one.row(102.0)
    assert (row["starts"], row["due_in"], row["standing"]["replicas"][0]["state"]) == (6.0, 6.0, "draining")
    one.going.clear()
    assert one.row(102.0)["due_in"] == 4.0


def test_its_row_tells_why_a_replica_failed_unless_its_actuator_has_trouble() -> None:
    one = pool()
    one.see(Standing(1, [Replica("a", state="failed", trouble="it ended with status 1", said="a line of its log")]))
    assert one.row(5.0)["trouble"] == "a: it ended with status 1"
    one.trouble = "too few GPUs"
    assert one.row(5.0)["trouble"] == "too few GPUs"


def test_a_dry_run_says_a_thing_once() -> None:
    one = pool()
    one.see(Standing(0))
    assert one.say(Plan(ask=2))
    assert not one.say(Plan(ask=2))
    assert one.would == "have 2"
    assert not one.say(Plan(ask=0))
    assert one.would == ""


def test_what_stood_before_the_gateway_began_is_kept_until_it_is_decided() -> None:
    one = pool(1)
    one.see(Standing(1, [Replica("a", "h:1", "ready"), Replica("b", "h:2"), Replica("c", "h:3", "failed")]))
    assert (one.wanted, one.why) == (2, "so many stood already")
    one.want(1, "decided")
    one.see(Standing(1, [Replica("a", "h:1", "ready"), Replica("b", "h:2")]))
    assert one.wanted == 1
    others = pool(1)
    others.see(Standing(1, [Replica("a", "h:1", "ready"), Replica("b", "h:2", "ready")], moves=False))
    assert others.wanted == 1, "who only publishes has not wanted what others made"


def test_what_stood_already_is_kept_and_one_more_while_one_is_replaced_is_none_of_it() -> None:
    ready = [Replica(name, f"h:{name}", "ready") for name in "ab"]
    one = pool(1)
    one.see(Standing(1, [ready[0], Replica("b", "h:b", "ready", stale=True)]))
    one.see(Standing(1, ready, rolls=True))
    assert one.wanted == 1
    one.see(Standing(1, ready))
    assert (one.wanted, one.why) == (2, "so many stood already")
