from typing import Any

import pytest

from penstock.core.clock import FakeClock
from penstock.core.errors import CallerError, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Whole
from penstock.memory.ledger import BoundedAccount
from penstock.resume.config import ResumeConfig
from penstock.resume.kept import Kept
from penstock.resume.streams import Streams, owner_of, tell
from tests.support.keeping import client, events
from tests.support.scripted import Puppet
from tests.support.targets import exchange


class Made:
    def __init__(self, room: int = 100_000, **settings: Any) -> None:
        self.clock = FakeClock()
        self.account = BoundedAccount("resume", room)
        self.noted: list[Exchange] = []
        tokens = iter(range(10**6))
        self.streams = Streams(
            7, self.account, self.clock.now, lambda kept: None, self.noted.append, lambda: f"token{next(tokens)}"
        )
        self.streams.settings = ResumeConfig(**settings)

    def open(self, body: bytes = b"") -> tuple[Exchange, Exchange, Kept | None]:
        parent = exchange()
        parent.key = "key-1"
        parent.call.body = body
        child = parent.fork("kept")
        return parent, child, self.streams.open(parent, child)


def test_a_stream_is_found_by_its_id_and_the_key_that_began_it() -> None:
    made = Made()
    _, _, kept = made.open()
    assert kept is not None
    assert kept.id == "stream_7xtoken0"
    assert made.streams.find(kept.id, "key-1") is kept
    for id, key in ((kept.id, "key-2"), ("stream_7xtoken1", "key-1")):
        with pytest.raises(CallerError) as refused:
            made.streams.find(id, key)
        assert (refused.value.status, refused.value.code) == (404, "stream_not_found")


def test_ids_cannot_be_guessed() -> None:
    streams = Streams(0, BoundedAccount("resume", 1), lambda: 0.0, lambda kept: None)
    streams.settings = ResumeConfig()
    ids = set()
    for _ in range(50):
        parent = exchange()
        kept = streams.open(parent, parent.fork("kept"))
        assert kept is not None
        ids.add(kept.id)
        assert len(kept.id.removeprefix("stream_0x")) == 32
        assert owner_of(kept.id) == 0
    assert len(ids) == 50


@pytest.mark.parametrize(
    ("id", "owner"),
    [
        ("stream_12xabc", 12),
        ("stream_xabc", None),
        ("stream_12x", None),
        ("stream_12xa/b", None),
        ("req_12xabc", None),
        ("stream_99999xabc", None),
        ("stream_1x" + "a" * 90, None),
    ],
)
def test_an_id_tells_its_worker(id: str, owner: int | None) -> None:
    assert owner_of(id) == owner


def test_beyond_the_bound_a_finished_stream_makes_room_else_none_is_kept() -> None:
    made = Made(streams=2)
    _, _, first = made.open()
    _, _, second = made.open()
    assert made.open()[2] is None
    assert made.streams.refused == 1
    assert first is not None
    assert second is not None
    client(second.begin(Whole(*events(1, 2))))
    made.clock.advance(1)
    assert made.open()[2] is not None
    with pytest.raises(CallerError):
        made.streams.find(second.id, "key-1")
    assert made.streams.find(first.id, "key-1") is first


def test_bytes_of_finished_streams_make_room_oldest_first() -> None:
    made = Made(room=1000)
    old = []
    for _ in range(3):
        _, _, kept = made.open()
        assert kept is not None
        client(kept.begin(Whole(*events(1, 1, 280))))
        made.clock.advance(1)
        old.append(kept)
    assert made.streams.reserve(500)
    assert [kept.bytes > 0 for kept in old] == [False, False, True]
    assert not made.streams.reserve(2000)


def test_the_body_of_a_running_call_is_counted() -> None:
    made = Made(room=100)
    _, child, kept = made.open(b"x" * 60)
    assert made.account.held == 60
    assert made.open(b"x" * 60)[2] is None
    assert kept is not None
    client(kept.begin(Whole()))
    assert child.outcome == "ok"
    assert made.account.held == 0


def test_the_facts_of_the_answer_come_to_the_caller_who_is_still_there() -> None:
    made = Made()
    parent, child, kept = made.open()
    assert kept is not None
    child.tokens_out, child.upstream = 9, "up"
    client(kept.begin(Whole(*events(1, 1))))
    assert (parent.tokens_out, parent.upstream, child.outcome) == (9, "up", "ok")
    assert made.noted == []


def test_a_stream_that_outlived_its_caller_is_noted_when_it_ends() -> None:
    made = Made()
    parent, child, kept = made.open()
    assert kept is not None
    puppet = Puppet()
    reader = kept.begin(puppet)
    client(reader)
    child.saved, child.money = 3, {"cache": 3}
    reader.cancel("gone")
    parent.finish("left", 1.0)
    child.tokens_out = 9
    child.defer(lambda ended: setattr(ended, "cost", 7))
    puppet.end(UpstreamError("cut"))
    assert made.noted == [child]
    assert (child.outcome, parent.tokens_out) == ("error", 0)
    assert (child.cost, parent.cost, parent.saved, parent.money) == (7, 0, 0, None), "its money is told once"
    assert made.streams.numbers() == {"kept": 1, "running": 0, "opened": 1, "refused": 0, "resumed": 0}


def test_every_fact_is_told() -> None:
    parent, child = exchange(), exchange()
    child.model, child.attempts, child.failures = "m", 2, [("reset", "up")]
    tell(parent, child)
    assert (parent.model, parent.attempts, parent.failures) == ("m", 2, [("reset", "up")])


def test_what_clean_up_sums_up_is_told_to_the_parent() -> None:
    """All attempts of a call are counted when it ends, and not before."""
    made = Made()
    parent, child, kept = made.open()
    assert kept is not None
    child.defer(lambda ended: setattr(ended, "tokens_out", 7))
    child.defer(lambda ended: setattr(ended, "cost", 5))
    kept.begin(Puppet())
    kept.end(None)
    assert (parent.tokens_out, child.outcome) == (7, "ok")
