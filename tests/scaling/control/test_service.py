import asyncio
import logging

import msgspec
import pytest

from penstock.core.sketch import put
from penstock.core.tasks import Crew
from penstock.core.windows import Group
from penstock.scaling.actuators.signal_config import SignalConfig
from penstock.scaling.config import PoolConfig, ScalingConfig
from penstock.scaling.control.ruling import Held, Kept
from penstock.scaling.control.service import Controller
from penstock.scaling.policy_config import PolicyConfig
from penstock.scaling.seen import Decision, Seen
from penstock.scaling.size import Size
from penstock.scaling.starts import Starts
from tests.scaling.control.test_ruling import Says
from tests.support.pools_told import Fleet, ready

NOW = 50_000.0


class Decided:
    """A Controller over two pools, whose policies say what a test has them say."""

    def __init__(self, **pools: PoolConfig) -> None:
        self.at = NOW
        self.config = ScalingConfig(pools=pools or {"a": pool(), "b": pool()}, interval=0.1)
        self.fleet = Fleet(*self.config.pools)
        self.policies = {name: Says(1) for name in self.config.pools}
        self.kept: dict[str, Kept] = {}
        self.seen: dict[str, Seen] = {}
        self.controller = Controller(
            self.fleet.pools, self.fleet.demand, self._complete, self._policy, self.kept.__setitem__, lambda: self.at
        )  # fmt: skip
        self.controller.follow(self.config)

    def _policy(self, name: str, _: PoolConfig) -> Says:
        return self.policies.setdefault(name, Says(1))

    def _complete(self, name: str, _: object, seen: Seen) -> Seen:
        self.seen[name] = msgspec.structs.replace(seen, carries=7.0)
        return self.seen[name]

    def look(self) -> None:
        for one in self.controller.pools.values():
            one.sight.take(self.at, [])

    def round(self) -> None:
        self.at += 1
        asyncio.run(self.controller.round())


def pool(**more: object) -> PoolConfig:
    return PoolConfig(**{"min": 1, "max": 9, **more}, signal=SignalConfig(), policy=PolicyConfig(cooldown_in=0.0))  # type: ignore[arg-type]


def test_first_rounds_hold_until_a_window_was_seen() -> None:
    one = Decided()
    one.policies["a"].wanted = 4
    one.round()
    assert one.fleet.wants == []
    one.look()
    one.round()
    assert one.fleet.wants == [{"a": {"count": 4, "why": "it says so"}}]
    assert one.controller.pools["a"].told["wanted"] == 4, "what the supervisor answered is known at once"
    one.round()
    assert len(one.fleet.wants) == 1, "nothing is asked for twice"


def test_what_stands_and_waits_is_seen_at_once() -> None:
    one = Decided()
    one.fleet.replicas["a"] = [ready("1", 12.0), ready("2", state="starting"), ready("3", state="draining")]
    one.fleet.told["a"] = [3, 10, 5]
    one.round()
    seen = one.controller.pools["a"].seen
    assert seen is not None
    assert (seen.ready, seen.starting, seen.draining, seen.in_flight, seen.waiting) == (1, 1, 1, 3, 5)
    assert seen.carries == 7.0, "what was learned is added"
    assert one.kept["a"].starts == [12.0], "a start that was measured is kept"


def test_a_round_that_fails_changes_nothing_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    one = Decided()
    one.fleet.fails = RuntimeError("no link")

    async def main() -> None:
        crew = Crew("test")
        crew.supervise(one.controller)
        while one.controller.pools["a"].seen is None:
            await asyncio.sleep(0.01)
            if len([record for record in caplog.records if "no link" in record.message]) == 1:
                one.fleet.fails = None
        await crew.aclose()

    with caplog.at_level(logging.WARNING):
        asyncio.run(asyncio.wait_for(main(), 10))
    assert one.fleet.wants == []


def test_a_dry_run_says_what_it_would_do(caplog: pytest.LogCaptureFixture) -> None:
    one = Decided(a=pool(dry_run=True))
    one.policies["a"].wanted = 3
    one.look()
    with caplog.at_level(logging.INFO):
        one.round()
    assert [record.message for record in caplog.records] == ["pool a would have 3 replicas instead of 1: it says so"]


def test_a_person_s_word_is_in_force_at_once_and_is_kept() -> None:
    one = Decided()
    asyncio.run(one.controller.hold("a", Held(6, "key_1", NOW)))
    assert one.fleet.wanted == {"a": 6, "b": 1}
    assert one.kept["a"].held == Held(6, "key_1", NOW)
    asyncio.run(one.controller.hold("a", None))
    assert one.kept["a"].held is None


def test_who_waits_is_told_of_each_round() -> None:
    one = Decided()

    async def main() -> None:
        for _ in range(2):
            event = one.controller.decided
            await one.controller.round()
            assert event.is_set()

    asyncio.run(main())


def test_a_reload_keeps_what_is_known_where_the_rule_changes() -> None:
    one = Decided()
    one.policies["a"].wanted = 4
    one.look()
    one.round()
    asyncio.run(one.controller.hold("a", Held(None, "key_1", NOW)))
    before = one.controller.pools["a"]
    one.controller.follow(ScalingConfig(pools={"a": pool(drain=5.0), "c": pool()}))
    after = one.controller.pools
    assert set(after) == {"a", "c"}
    assert after["a"] is before
    assert after["a"].ruling.held is not None
    assert [change.wanted for change in after["a"].ruling.changes] == [4]
    assert after["a"].ruling.pool.drain == 5.0


def test_where_none_may_stand_the_supervisor_is_told_so_once_and_when_it_is_over() -> None:
    one = Decided(a=pool(min=0))
    one.look()
    one.policies["a"].wanted = 0
    one.round()
    asyncio.run(one.controller.hold("a", Held(0, "key_1", one.at)))
    assert one.fleet.wants[-1] == {"a": {"count": 0, "why": "set to 0 by key_1", "barred": True}}
    asked = len(one.fleet.wants)
    one.round()
    assert len(one.fleet.wants) == asked
    asyncio.run(one.controller.hold("a", None))
    assert "barred" not in one.fleet.wants[-1]["a"]


def test_what_was_kept_is_gone_on_from() -> None:
    one = Decided()
    kept = Kept([30.0], Held(2, "key_1", NOW), [Decision(NOW - 100, 3, "scale_up", "then")], {})
    one.controller.restore("a", msgspec.msgpack.encode(kept))
    one.controller.restore("gone", msgspec.msgpack.encode(kept))
    known = one.controller.pools["a"].kept()
    assert (known.starts, known.held, known.changes) == (kept.starts, kept.held, kept.changes)
    with pytest.raises(ValueError, match="malformed"):
        one.controller.restore("a", b"\xc1")


def played(one: Decided, windows: int, calls: int, first: float, ready_: int = 1, **standing: int) -> None:
    """Windows in which so many calls of 100 tokens came to so many replicas, with that time to their first token."""
    pool = one.controller.pools["a"]
    for _ in range(windows):
        pool.see(Seen(one.at, ready=ready_, **standing))
        group = Group(calls=calls, tokens_out=calls * 100, total=calls * 2.0)
        put(group.firsts, first, calls)
        pool.sight.take(one.at, [group])
        pool.learn()


def test_starts_that_were_measured_and_kept_before_it_was_read_count_once() -> None:
    pool = Decided().controller.pools["a"]
    pool.starts = Starts([8.0])
    pool.restore(Kept(starts=[5.0, 8.0]))
    assert pool.starts.measured == [5.0, 8.0]
    pool.restore(Kept(starts=[4.0]))
    assert pool.starts.measured == [4.0, 5.0, 8.0]


def test_what_a_replica_carries_is_learned_and_kept() -> None:
    one = Decided()
    pool = one.controller.pools["a"]
    assert pool.carries(4.0) == 0
    played(one, 1, 10, 0.5, starting=1)
    assert pool.carries(4.0) == pytest.approx(200.0), "by calls at once: while a replica starts nobody knows"
    played(one, 20, 100, 0.5)
    learned = pool.carries(4.0)
    assert 1000 <= learned <= 1200, "1,000 of load went well, and a little more may be tried"
    after = Decided()
    after.controller.restore("a", msgspec.msgpack.encode(pool.kept()))
    assert after.controller.pools["a"].carries(4.0) == pytest.approx(learned)
    played(one, 40, 100, 5.0)
    assert pool.carries(4.0) < 1000, "it is late at that now"


def test_of_a_window_in_which_a_replica_came_nothing_is_learned() -> None:
    one = Decided()
    pool = one.controller.pools["a"]
    played(one, 5, 100, 0.5)
    learned = pool.capacity.carries
    pool.see(Seen(one.at, ready=0, starting=1))
    played(one, 1, 100, 9.0)
    assert pool.capacity.carries == learned
    played(one, 9, 100, 9.0)
    assert pool.capacity.carries < learned


def test_another_goal_is_learned_anew_and_another_rule_is_not() -> None:
    one = Decided()
    played(one, 20, 100, 0.5)
    learned = one.controller.pools["a"].capacity.carries
    one.controller.follow(ScalingConfig(pools={"a": pool(drain=1.0)}))
    assert one.controller.pools["a"].capacity.carries == learned
    strict = PoolConfig(min=1, max=9, signal=SignalConfig(), policy=PolicyConfig(ttft=0.1))
    one.controller.follow(ScalingConfig(pools={"a": strict}))
    assert one.controller.pools["a"].capacity.carries == 0


def test_what_replicas_of_another_size_used_is_forgotten_and_what_one_carries_is_not() -> None:
    one = Decided()
    one.fleet.use = Size(cpu=1.5)
    one.round()
    pool = one.controller.pools["a"]
    assert pool.used.peak == Size(cpu=1.5)
    capacity = pool.capacity
    pool.resized()
    assert pool.used.peak == Size()
    assert pool.capacity is capacity, "a guess would take away replicas that are needed"
