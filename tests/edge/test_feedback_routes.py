import asyncio
import json
from typing import Any

import pytest

from penstock.core.errors import CallerError, GatewayError
from penstock.edge.feedback_routes import FeedbackRoutes, Said, read
from tests.support.targets import exchange


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"request_id": "r", "score": 1}, Said("r", "", 1.0, None, "", "")),
        ({"request": "r", "score": 0.25, "label": "too long", "comment": "hm"},
         Said("r", "", 0.25, None, "too long", "hm")),
        ({"request_id": "r", "rating": "up"}, Said("r", "", 1.0, None, "", "")),
        ({"request_id": "r", "rating": "wrong"}, Said("r", "", 0.0, False, "", "")),
        ({"request_id": "r", "wrong": False}, Said("r", "", 1.0, True, "", "")),
        ({"request_id": "r", "wrong": True, "score": 0.5}, Said("r", "", 0.5, False, "", "")),
        ({"entry": "aa", "wrong": True}, Said("", "aa", 0.0, False, "", "")),
    ],
)  # fmt: skip
def test_what_may_be_said(body: dict[str, Any], said: Said) -> None:
    assert read(json.dumps(body).encode()) == said


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None), (b"[]", None), (b"{", None), (b"\xff", None), (b"[" * 3000, None), (b'"up"', None),
        (b'{"request_id": "r", "score": 1, "scroe": 1}', None),
        (b'{"score": 1}', "request_id"), (b'{"request_id": "", "score": 1}', "request_id"),
        (b'{"request_id": 7, "score": 1}', "request_id"),
        (b'{"request_id": "' + b"r" * 257 + b'", "score": 1}', "request_id"),
        (b'{"request_id": "r"}', "score"), (b'{"request_id": "r", "score": 1.01}', "score"),
        (b'{"request_id": "r", "score": -1}', "score"), (b'{"request_id": "r", "score": true}', "score"),
        (b'{"request_id": "r", "score": "1"}', "score"), (b'{"request_id": "r", "score": 1e999}', None),
        (b'{"request_id": "r", "rating": "meh"}', "rating"), (b'{"request_id": "r", "rating": ["up"]}', "rating"),
        (b'{"request_id": "r", "rating": "up", "wrong": true}', "rating"),
        (b'{"request_id": "r", "wrong": 1}', "wrong"), (b'{"entry": "aa", "score": 1}', "wrong"),
        (b'{"request_id": "r", "score": 1, "label": "<b>"}', "label"),
        (b'{"request_id": "r", "score": 1, "label": "' + b"x" * 65 + b'"}', "label"),
        (b'{"request_id": "r", "score": 1, "comment": "' + b"x" * 501 + b'"}', "comment"),
    ],
)  # fmt: skip
def test_a_body_that_says_something_else_is_told_what_is_wrong(body: bytes, param: str | None) -> None:
    with pytest.raises(CallerError) as told:
        read(body)
    assert (told.value.status, told.value.code, told.value.param) == (400, "bad_feedback", param)


class Fleet:
    def __init__(self, **answer: Any) -> None:
        self.answer: dict[str, Any] = answer
        self.asked: list[dict[str, Any]] = []

    async def leader(self, part: str, question: dict[str, Any]) -> dict[str, Any]:
        assert part == "feedback"
        self.asked.append(question["said"])
        return self.answer


class Body:
    def __init__(self, said: Any) -> None:
        self.said = json.dumps(said).encode()

    async def read(self, limit: int) -> bytes:
        assert limit <= 4096
        return self.said


UNKNOWN = {"problems": ["unknown"], "status": 404, "code": "call_not_found"}


def say(fleet: Fleet, said: Any, correct: Any = None) -> dict[str, Any]:
    one = exchange()
    one.key, one.body = "key-1", Body(said)  # type: ignore[assignment]
    routes = FeedbackRoutes(fleet, correct)  # type: ignore[arg-type]
    reply = asyncio.run(routes.take(one))
    assert isinstance(reply.body, bytes)
    return dict(json.loads(reply.body))


async def corrects(exchange: Any, said: dict[str, Any]) -> dict[str, Any]:
    return {"entry": "aa", "said": said, "removed": 1}


async def knows_nothing(exchange: Any, said: dict[str, Any]) -> dict[str, Any]:
    raise CallerError("no entry", status=404, code="entry_not_found")


async def is_off(exchange: Any, said: dict[str, Any]) -> None:
    return None


def test_the_first_worker_is_told_for_the_callers_own_key() -> None:
    fleet = Fleet(request_id="r", model="m", score=0.5)
    assert say(fleet, {"request_id": "r", "score": 0.5, "label": "slow"}, corrects) == fleet.answer
    assert fleet.asked == [{"request": "r", "key": "key-1", "score": 0.5, "label": "slow", "comment": ""}]


def test_who_says_right_or_wrong_corrects_the_cache_too() -> None:
    answer = say(Fleet(model="m"), {"request_id": "r", "wrong": True}, corrects)
    assert answer == {"model": "m", "entry": "aa", "said": {"request": "r", "rating": "wrong"}, "removed": 1}
    assert say(Fleet(model="m"), {"request_id": "r", "wrong": True}, knows_nothing) == {"model": "m"}
    assert say(Fleet(model="m"), {"request_id": "r", "wrong": True}, is_off) == {"model": "m"}
    assert say(Fleet(**UNKNOWN), {"request_id": "r", "wrong": True}, corrects)["removed"] == 1


def test_an_entry_concerns_the_cache_alone() -> None:
    fleet = Fleet(model="m")
    assert say(fleet, {"entry": "aa", "wrong": True}, corrects)["said"] == {"entry": "aa", "rating": "wrong"}
    assert fleet.asked == []
    for correct in (knows_nothing, is_off, None):
        with pytest.raises(CallerError) as told:
            say(fleet, {"entry": "aa", "wrong": True}, correct)
        assert (told.value.status, told.value.code) == (404, "entry_not_found")


def test_a_call_that_nobody_knows() -> None:
    for correct in (None, knows_nothing):
        with pytest.raises(CallerError) as told:
            say(Fleet(**UNKNOWN), {"request_id": "r", "wrong": True}, correct)
        assert (told.value.status, told.value.code) == (404, "call_not_found")


def test_a_cache_that_refuses_and_a_worker_that_is_away_are_told() -> None:
    async def refuses(exchange: Any, said: dict[str, Any]) -> dict[str, Any]:
        raise CallerError("too much", status=429, code="too_much_feedback")

    fleet = Fleet(model="m")
    with pytest.raises(CallerError, match="too much"):
        say(fleet, {"request_id": "r", "wrong": True}, refuses)
    assert fleet.asked == []
    with pytest.raises(GatewayError):
        say(Fleet(problems=["starting"], status=503, code="gateway_overloaded"), {"request_id": "r", "score": 1})
