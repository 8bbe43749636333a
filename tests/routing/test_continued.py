from penstock.core.errors import Fail
from penstock.routing.continued import Continued
from penstock.routing.overlap import Join
from penstock.wire import openai_chat
from penstock.wire.counts import Usage
from penstock.wire.restamp import ChoicesRestamp
from penstock.wire.told_dialects import ChatTold
from tests.support.numbered import Frames


class Taker:
    def __init__(self) -> None:
        self.got = b""
        self.ends: list[Fail | None] = []

    def push(self, frame: bytes) -> None:
        self.got += frame

    def end(self, error: Fail | None) -> None:
        self.ends.append(error)


def continued(told: str, pieces: list[str]) -> tuple[Taker, Frames]:
    join = Join(told, "restart")
    source = Frames(list(openai_chat.stream("c", "m", 1, pieces)))
    taker = Taker()
    Continued(source, ChoicesRestamp(ChatTold(), join.feed, join.finish, Usage(), b": story\n\n", 1)).start(taker)
    return taker, source


def test_what_is_new_flows_and_what_is_not_does_not() -> None:
    taker, _ = continued("one two ", ["one ", "two ", "three"])
    assert b"three" in taker.got
    assert b"one" not in taker.got
    assert taker.ends == [None]


def test_a_text_that_does_not_lead_on_ends_it() -> None:
    taker, source = continued("one two ", ["one ", "TWO "])
    assert b"TWO" not in taker.got
    assert taker.ends[0] is not None
    assert taker.ends[0].code == "cannot_join"
    assert source.cancelled
