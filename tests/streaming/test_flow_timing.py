import pytest

from penstock.streaming.pacing import Bucket
from tests.streaming.scenes import SMALL, scene
from tests.support.streams import DONE, FINISH, ROLE, said, text_of

# ---- pacing


def test_tokens_flow_at_the_pace_after_the_burst() -> None:
    on = scene(buckets=[Bucket(10.0, 3, 1000.0)])
    for number in range(8):
        on.upstream.push(said(str(number)))
    on.upstream.end()
    assert text_of(on.reader.got) == "012"
    assert on.reader.ends == []
    on.later.advance(0.2)
    assert text_of(on.reader.got) == "0123"
    on.later.advance(1.0)
    assert text_of(on.reader.got) == "01234567"
    assert on.reader.ends == [None]
    assert on.account.held == 0
    assert on.around.counts.dump()["delays"]["pace"] == pytest.approx(0.5, abs=0.05)


def test_what_is_no_token_costs_no_pace() -> None:
    on = scene(buckets=[Bucket(1.0, 1, 1000.0)])
    on.upstream.push(ROLE, said("a"), FINISH, DONE)
    assert on.reader.got == ROLE + said("a") + FINISH + DONE


def test_streams_of_one_key_share_its_pace() -> None:
    shared = Bucket(10.0, 1, 1000.0)
    first, second = scene(buckets=[shared]), scene(buckets=[shared])
    second.later.time = first.later.time
    for on in (first, second):
        for _ in range(30):
            on.upstream.push(said("x"))
    for _ in range(100):
        first.later.advance(0.01)
        second.later.advance(0.01)
    assert 9 <= len(text_of(first.reader.got)) + len(text_of(second.reader.got)) <= 12


def test_a_paced_upstream_is_held_when_the_buffer_fills_and_the_policy_for_slow_readers_does_not_apply() -> None:
    on = scene("cut", buckets=[Bucket(1.0, 1, 1000.0)])
    while not on.upstream.held:
        on.upstream.push(said("x"))
        on.later.advance(0.0005)
    assert on.upstream.cancelled == ""
    assert on.reader.ends == []


# ---- merging


def test_short_text_waits_for_the_next_and_leaves_as_one_event() -> None:
    on = scene(round_trip=0.2, merges=True)
    on.upstream.push(said("a"), said("b"))
    assert on.reader.frames == []
    on.upstream.push(said("and so on"))
    assert len(on.reader.frames) == 1
    assert on.reader.got.count(b"data:") == 1
    assert text_of(on.reader.got) == "aband so on"
    assert on.count("merged", "short") == 2


def test_nothing_is_held_back_for_longer_than_the_longest() -> None:
    on = scene(round_trip=0.2, merges=True)
    on.upstream.push(said("a"))
    on.later.advance(0.019)
    assert on.reader.frames == []
    on.later.advance(0.002)
    assert on.reader.got == said("a")
    on.upstream.push(said("b"))
    assert on.reader.got == said("a")
    on.later.advance(0.02)
    assert on.reader.got == said("a") + said("b")


@pytest.mark.parametrize("event", [said("."), said("x\n"), FINISH, DONE, ROLE])
def test_ends_of_phrases_and_special_events_leave_at_once(event: bytes) -> None:
    on = scene(round_trip=0.2, merges=True)
    on.upstream.push(said("a"), event)
    assert text_of(on.reader.got) == "a" + text_of(event)


def test_a_near_caller_waits_for_nothing() -> None:
    on = scene(round_trip=0.049, merges=True)
    on.upstream.push(said("a"))
    assert on.reader.got == said("a")


def test_under_pressure_of_the_socket_long_text_waits_too() -> None:
    on = scene(round_trip=0.2, waiting=SMALL * 6 // 10, merges=True)
    on.upstream.push(said("long text"))
    assert on.reader.frames == []
    on.upstream.end()
    assert on.reader.got == said("long text")
    assert on.reader.ends == [None]
