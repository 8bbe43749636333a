"""Callers and upstreams who try to make the cache say what it should not: to whom it should not, or at all."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bad_input.asking import CHAT, Asked, Place, ask, in_dialect
from tests.support.scripted_upstream import EVENTS, Answer, ScriptedUpstream
from tests.support.whole import penstock

ECHO = b'{"model":"echo","temperature":0,"max_tokens":9,"messages":[{"role":"user","content":"%b"}]%b}'


def cache(answer: Asked) -> str:
    return answer.headers.get("x-penstock-cache", "")


@pytest.fixture
def place(place: Place) -> Place:
    """Once it has read its store."""
    end = time.monotonic() + 30
    while cache(ask(place, body=ECHO % (b"ready?", b""))) != "hit-exact":
        assert time.monotonic() < end
        time.sleep(0.02)
    return place


@pytest.fixture
def another(place: Place) -> Iterator[str]:
    made = penstock(place.gateway.home, "keys", "new", "other", "--config", str(place.gateway.home / "penstock.yaml"))
    key = re.search(r"sk-pen-\S+", made.stdout)
    assert key is not None, made.stderr
    end = time.monotonic() + 30
    while ask(place, body=ECHO % (b"known?", b""), key=key[0]).status == 401:
        assert time.monotonic() < end
        time.sleep(0.05)
    return key[0]


def test_no_key_is_told_what_another_was(place: Place, another: str) -> None:
    body = ECHO % (b"my secret plan", b"")
    assert cache(ask(place, body=body)) == "miss"
    assert cache(ask(place, body=body)) == "hit-exact"
    entry = ask(place, body=body).headers["x-penstock-cache-entry"]
    assert cache(ask(place, body=body, key=another)) == "miss"
    only = ask(place, body=ECHO % (b"my secret plan", b',"seed":1'), key=another, headers={"x-penstock-cache": "only"})
    assert (only.status, in_dialect(only, CHAT)["code"]) == (504, "not_cached")
    assert cache(ask(place, body=body, key=another)) == "hit-exact"
    assert ask(place, body=body, key=another).headers["x-penstock-cache-entry"] != entry
    shown = ask(place, f"/admin/v1/cache/{entry}", method="GET", key=another)
    assert shown.status == 403


@pytest.mark.parametrize(
    "trick",
    [
        b',"temperature":1',
        b',"\\u0074emperature":1',
        b',"top_p":1,"top_p":0',
        b',"x":{"a":1,"a":2}',
        b',"x":[1e5,1e5,1e5,{"y":1,"y":1}]',
    ],
)
def test_a_body_that_two_readers_take_differently_is_never_in_the_cache(place: Place, trick: bytes) -> None:
    for _ in range(3):
        answer = ask(place, body=ECHO % (b"twice", trick))
        assert answer.status in (200, 400)
        assert cache(answer) in ("bypass", "")


def test_numbers_that_differ_are_other_questions_however_they_are_written(place: Place) -> None:
    spelled = [b"0", b"0.0", b"-0.0", b"0e5"]
    for number in spelled:
        body = ECHO.replace(b'"temperature":0', b'"temperature":' + number) % (b"numbers", b"")
        assert ask(place, body=body).status == 200
    for _ in range(2):  # beyond what our reader holds: it passes, but cannot be told apart from others
        assert cache(ask(place, body=ECHO % (b"numbers", b',"seed":1e400'))) == "bypass"
    seeds = [ask(place, body=ECHO % (b"numbers", b',"seed":%d' % (10**25 + more))) for more in range(2)]
    assert [cache(answer) for answer in seeds] == ["miss", "miss"]


def test_escapes_blanks_and_order_make_no_other_question(place: Place) -> None:
    first = ask(place, body=ECHO % (b"caf\xc3\xa9 / tea", b""))
    spelled = (
        b'{ "messages" : [ {"content":"caf\\u00e9 \\/ tea","role":"user"} ],'
        b' "max_tokens":9, "temperature":0, "model":"echo"}'
    )
    again = ask(place, body=spelled)
    assert (cache(first), cache(again)) == ("miss", "hit-exact")
    assert first.body == again.body
    upper = ask(place, body=ECHO % (b"CAF\xc3\x89 / tea", b""))
    assert cache(upper) == "miss"
    combined = ask(place, body=ECHO % (b"cafe\xcc\x81 / tea", b""))  # looks the same, is not
    assert cache(combined) == "miss"


@pytest.mark.parametrize(
    "fields",
    [
        {"x-penstock-cache": "Only, bypass"},
        {"x-penstock-cache": ""},
        {"x-penstock-tags": "x" * 10_000},
        {"x-penstock-tags": ",".join(f"t{number}" for number in range(1000))},
        {"x-penstock-tags": "<script>alert(1)</script> \x7f"},
        {"x-penstock-classification": "../../etc/passwd"},
        {"x-penstock-cache-entry": "00"},
        {"x-penstock-similarity": "1"},
    ],
)
def test_fields_of_ours_that_say_nothing_known_are_refused_or_mean_nothing(
    place: Place, fields: dict[str, str]
) -> None:
    answer = ask(place, body=ECHO % (b"fields", b""), headers=fields)
    if fields.get("x-penstock-cache") == "":
        assert answer.status == 200
    else:
        assert answer.status == 400
        in_dialect(answer, CHAT)


def scripted(**more: Any) -> dict[str, Any]:
    return {"model": "scripted", "temperature": 0, "messages": [{"role": "user", "content": "x"}], **more}


CHUNK = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":%b}]}\n\n'
)
GOOD_STREAM = (CHUNK % (b"one", b"null"), CHUNK % (b"", b'"stop"'), b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(headers=(EVENTS,), chunks=(CHUNK % (b"one", b"null"),)),
        Answer(headers=(EVENTS,), chunks=(CHUNK % (b"one", b"null"), b"data: [DONE]\n\n")),
        Answer(headers=(EVENTS,), chunks=(CHUNK % (b"one", b"null"), CHUNK % (b"", b'"length"'), b"data: [DONE]\n\n")),
        Answer(headers=(EVENTS,), chunks=(*GOOD_STREAM[:1], b'data: {"error":{"message":"no"}}\n\n', *GOOD_STREAM[1:])),
        Answer(headers=(EVENTS,), chunks=(*GOOD_STREAM[:1], b"data: {torn\n\n", CHUNK % (b"", b'"content_filter"'))),
    ],
)
def test_streams_that_are_not_whole_are_not_kept(place: Place, upstream: ScriptedUpstream, answer: Answer) -> None:
    upstream.answers[CHAT] = answer
    before = len(upstream.requests)
    for _ in range(2):
        assert cache(ask(place, body=scripted(stream=True, seed=before))) == "miss"
    assert len(upstream.requests) >= before + 2


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b""),
        Answer(body=b"{}"),
        Answer(body=b"[" * 2000),
        Answer(body=b'{"choices":[{"index":0,"message":{},"finish_reason":"stop"}'),
        Answer(body=b'{"choices":[{"index":0,"message":{},"finish_reason":"stop"}],"error":{"message":"but"}}'),
        Answer(body=b'\xff{"choices":[{"finish_reason":"stop"}]}'),
        Answer(headers=(("content-type", "text/html"),), body=b"<html>hello</html>"),
        Answer(headers=(("content-type", "application/json"), ("content-encoding", "br")), body=b"\x0b\x02"),
        Answer(status=204, body=b""),
    ],
)
def test_answers_that_are_none_are_not_kept(place: Place, upstream: ScriptedUpstream, answer: Answer) -> None:
    upstream.answers[CHAT] = answer
    for _ in range(2):
        ask(place, body=scripted(seed=hash(answer.body) % 1000))
    assert len(upstream.requests) == 2


def test_hostile_text_in_an_entry_is_text_where_it_is_shown(place: Place, upstream: ScriptedUpstream) -> None:
    text = "</script><script>alert(1)</script>\x1b[2J\u202e"
    message = {"role": "assistant", "content": text}
    body = {"model": "m<b>\x1b", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    upstream.answers[CHAT] = Answer(body=json.dumps(body).encode())
    kept = ask(place, body=scripted(seed=77), headers={"x-penstock-tags": "<i>"})
    assert kept.status == 200
    hit = ask(place, body=scripted(seed=77))
    shown = ask(place, f"/admin/v1/cache/{hit.headers['x-penstock-cache-entry']}", method="GET")
    assert shown.headers["content-type"] == "application/json"
    assert shown.headers["x-content-type-options"] == "nosniff"
    told = json.loads(shown.body)
    assert json.loads(told["answer"])["choices"][0]["message"]["content"] == text
    assert b"\x1b" not in shown.body
    home = place.gateway.home
    printed = penstock(home, "cache", "show", told["entry"]["id"], "--port", str(place.gateway.port))
    assert "\x1b" not in printed.stdout
    assert printed.returncode == 0


def test_a_flood_of_questions_stays_within_its_bounds(place: Place) -> None:
    for number in range(200):
        ask(place, body=ECHO % (b"flood %d" % number, b""))
    status = json.loads(ask(place, "/admin/v1/status", method="GET").body)
    (worker,) = status["workers"]
    held, bound, *_ = worker["accounts"]["cache"]
    assert 0 < held <= bound
    assert worker["cache"]["entries"] >= 200
