"""Upstreams that are left alone, through the whole room: who is asked, who is not, and what the caller is told."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.process.loop import run
from penstock.routing.stage import Routing
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Changes, Target
from tests.routing.test_retries import Scripted, answer, no_room_below
from tests.support.targets import exchange

DEAD = UpstreamError("refused", phase="connect")
KEY = b"sk-very-secret"


class Room:
    """A routing room whose clock a test moves; entries ``m`` and, with fallbacks, ``f``."""

    def __init__(self, *those: Target, fallbacks: Sequence[Target] = (), retries: int = 2, **more: Any) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        entries = [Entry("m", those, make_strategy("round_robin"), fallbacks=["f"] if fallbacks else [], **more)]
        if fallbacks:
            entries.append(Entry("f", fallbacks, make_strategy("round_robin")))
        self.entry = entries[0]
        self._room = Routing(
            Table(entries), [*those, *fallbacks], retries=retries,
            now=lambda: self.now, uniform=lambda low, high: high, sleep=self._sleep,
        )  # fmt: skip

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def send(self, one: Exchange | None = None) -> Reply:
        call = one or exchange()
        call.deadline = self.now + 60.0

        async def enter() -> Reply:
            return await self._room(call, no_room_below)

        try:
            return run(enter())
        finally:
            call.finish("ok", self.now)

    def refusal(self, one: Exchange | None = None) -> UpstreamError:
        with pytest.raises(UpstreamError) as caught:
            self.send(one)
        return caught.value


def targets(**scripts: Any) -> list[Target]:
    changes = Changes()
    return [
        Target(name, Scripted(name, script if isinstance(script, list) else [script]), changes=changes)
        for name, script in scripts.items()
    ]


def asked(one: Target) -> int:
    assert isinstance(one.provider, Scripted)
    return len(one.provider.sent)


def test_one_that_is_dead_is_asked_a_few_times_and_no_call_fails() -> None:
    a, b, c = those = targets(a=DEAD, b="fine", c="fine")
    room = Room(*those)
    for _ in range(100):
        assert room.send().body == b"fine"
        room.now += 0.005
    assert asked(a) == 5
    assert asked(b) + asked(c) == 100


def test_while_it_is_dead_it_is_tried_ever_more_seldom() -> None:
    a, _ = those = targets(a=DEAD, b="fine")
    room = Room(*those)
    for _ in range(2_000):
        assert room.send().body == b"fine"
        room.now += 0.1
    # 5 before it opens, then trials after 1, 3, 7, 15, 31 and from then on each 30 seconds.
    assert 5 + 8 <= asked(a) <= 5 + 12


def test_it_comes_back_by_one_call() -> None:
    a, _ = those = targets(a=[*[DEAD] * 5, "back"], b="fine")
    room = Room(*those)
    for _ in range(20):
        room.send()
    assert asked(a) == 5
    room.now += 1.0
    assert room.send().body == b"back"
    assert a.word(room.now) == "closed"


def test_when_nobody_can_serve_it_says_who_is_how_and_when_to_come_back() -> None:
    (a,) = those = targets(a=DEAD)
    room = Room(*those, retries=0)
    for _ in range(5):
        assert room.refusal().code == "upstream_failed"
    told = room.refusal()
    assert (told.status, told.code, told.message) == (
        503, "no_upstream", "no upstream of model 'm' can serve now (a: open)",
    )  # fmt: skip
    assert told.retry_after == 1.0
    assert asked(a) == 5
    room.now += 1.0
    assert room.refusal().code == "upstream_failed", "the trial"
    assert room.refusal().code == "no_upstream"
    assert asked(a) == 6


def test_when_nobody_can_serve_a_fallback_does_at_once() -> None:
    a, f = targets(a=DEAD, f="larger")
    room = Room(a, fallbacks=[f], retries=0)
    for _ in range(20):
        one = exchange()
        assert room.send(one).body == b"larger"
    assert (asked(a), asked(f)) == (5, 20)
    assert (one.model, one.answered_as, one.attempts) == ("f", "f", 1)


def test_a_fallback_is_retried_like_any_model() -> None:
    a, f, g = targets(a=DEAD, f=answer(500), g="larger")
    room = Room(a, fallbacks=[f, g], retries=1)
    for _ in range(10):
        assert room.send().body == b"larger"


def test_retries_cannot_storm() -> None:
    """Every call fails at every upstream: no more is added to the load than the budget says."""
    those = targets(a=answer(500), b=answer(500), c=answer(500))
    room = Room(*those)
    room.entry.budget.share = 0.1
    for one in those:
        one.health.rules.breaker.failures = one.health.rules.breaker.least = 1_000_000
    for _ in range(2000):
        assert room.send().status == 500
    assert sum(map(asked, those)) <= 2000 * 1.1 + 100 + 1


# ---- keys


class Keyed(Scripted):
    """Answers by the key that is shown: what ``script`` has at its number."""

    async def send(self, exchange: Exchange, model: str) -> Reply:
        self.sent.append(str(exchange.upstream_key))
        act = self.script[exchange.upstream_key]
        return Reply(200, [], act.encode()) if isinstance(act, str) else Reply(*act)


def keyed(*acts: Any) -> Target:
    return Target("a", Keyed("a", acts), keys=len(acts), scrub=lambda text: text.replace(KEY, b"***"))


def shown(one: Target) -> str:
    assert isinstance(one.provider, Keyed)
    return "".join(one.provider.sent)


def test_keys_take_turns() -> None:
    one = keyed("fine", "fine", "fine")
    room = Room(one)
    for _ in range(6):
        room.send()
    assert shown(one) == "012012"


@pytest.mark.parametrize("act", [answer(401), answer(402), answer(429), answer(429, b"insufficient_quota")])
def test_a_key_that_fails_rests_and_the_call_is_made_again_there_with_another(act: Any) -> None:
    one = keyed(act, "fine", act, "fine")
    room = Room(one, retries=0)
    for _ in range(20):
        assert room.send().body == b"fine"
    assert shown(one).count("0") == shown(one).count("2") == 1
    assert one.health.breaker.streak == 0
    assert room.slept == []


def test_a_key_that_is_denied_rests_only_if_it_is_so_for_several_calls() -> None:
    one = keyed(answer(403), "fine")
    room = Room(one, retries=0)
    for _ in range(20):
        assert room.send().body == b"fine"
    assert shown(one).count("0") == 2


def test_one_call_that_is_denied_with_every_key_takes_none_away() -> None:
    """What a firewall dislikes, or a caller may not have, must not stop all others."""
    one = keyed(answer(403, b"<html>blocked</html>"), answer(403, b"<html>blocked</html>"))
    room = Room(one, retries=0)
    assert room.send().status == 403
    assert shown(one) == "01"
    assert isinstance(one.provider, Keyed)
    denied = one.provider.script
    for _ in range(20):
        one.provider.script = ["fine", "fine"]
        assert room.send().body == b"fine"
        assert room.send().body == b"fine"
        one.provider.script = denied
        assert room.send().status == 403


def test_a_key_is_used_again_when_it_was_told_to_be() -> None:
    one = keyed(answer(429, retry_after="7"), "fine")
    room = Room(one)
    for _ in range(8):
        room.send()
        room.now += 1.0
    assert shown(one).count("0") == 2


def test_when_all_keys_are_refused_the_upstream_is_not_asked_until_the_first_is_back() -> None:
    one = keyed(answer(401, KEY), answer(401, KEY))
    room = Room(one)
    assert room.refusal().code == "upstream_auth"
    assert KEY.decode() not in room.refusal().message
    for _ in range(20):
        told = room.refusal()
        assert (told.code, told.message) == (
            "no_upstream", "no upstream of model 'm' can serve now (a: keys_at_rest)",
        )  # fmt: skip
        assert told.retry_after is not None
        assert 4.9 <= told.retry_after <= 5.0
    assert shown(one) == "01"
    room.now += 5.0
    assert room.refusal().code == "upstream_auth"


def test_a_single_key_that_is_limited_is_waited_for_like_before_any_retry() -> None:
    one = keyed(answer(429, retry_after="20"))
    room = Room(one, retries=1)
    assert room.send().status == 429
    assert room.slept == [20.0]
    assert len(shown(one)) == 2
    assert room.send().status == 429
    assert room.slept == [20.0, 20.0]
    assert len(shown(one)) == 3, "it was not asked before its time"


def test_a_limited_model_does_not_stop_another_at_the_same_upstream() -> None:
    one = keyed(answer(429, retry_after="20"))
    room = Room(one, retries=0)
    room.send()
    assert isinstance(one.provider, Keyed)
    one.provider.script = ["fine"]
    assert room.refusal().code == "upstream_keys_at_rest"
    other = exchange("m")
    other.call.model = "m"
    room.entry.upstream_model = "another"
    assert room.send(other).body == b"fine"


def test_no_key_is_in_what_an_upstream_says_of_an_error() -> None:
    one = keyed(answer(400, b'{"error":{"message":"bad: ' + KEY + b'"}}'))
    body = Room(one).send().body
    assert body == b'{"error":{"message":"bad: ***"}}'


def test_a_caller_that_leaves_in_a_trial_does_not_keep_its_place() -> None:
    a, b = those = targets(a=[*[DEAD] * 5, "back"], b="fine")
    room = Room(*those)
    for _ in range(20):
        room.send()
    room.now += 1.0

    async def never(exchange: Exchange, model: str) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError

    usual = a.provider.send
    a.provider.send = never  # type: ignore[method-assign]
    call = exchange()
    call.deadline = 100.0

    async def leave() -> None:
        calling = asyncio.ensure_future(room._room(call, no_room_below))
        await asyncio.sleep(0)
        assert not a.health.breaker.free
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        call.finish("left", room.now)

    run(leave())
    a.provider.send = usual  # type: ignore[method-assign]
    assert room.send().body == b"back"
    assert b.in_flight == a.in_flight == 0
