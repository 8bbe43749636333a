"""Keys that are refused or limited, through the whole room: which is shown, which rests, what the caller is told."""

from typing import Any

import pytest

from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.routing.targets import Target
from tests.routing.test_left_alone import Room
from tests.routing.test_retries import Scripted, answer
from tests.support.targets import exchange

KEY = b"sk-very-secret"


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
