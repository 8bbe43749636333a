import pytest

from penstock.core.errors import UpstreamError
from penstock.core.finished import Finished, record, waterfall
from tests.support.exchanges import finished


def told(**facts: object) -> Finished:
    return Finished._make(record(finished(**facts), 7.0))  # type: ignore[arg-type]


def test_a_record_says_all_of_a_call_and_nothing_of_what_was_said() -> None:
    one = finished("error", error=UpstreamError("down"), status=502, answered=101.5, connecting=0.2, hedge=("won", 3.0))
    one.rescues, one.cost, one.saved, one.tokens_reasoning = ["prefill"], 12, 3, 4
    one.note_wait("admission", 0.5)
    call = Finished._make(record(one, 7.0))
    assert (call.at, call.id, call.operation, call.model, call.upstream) == (7.0, "req_0xaa-1", "chat", "m", "up")
    assert (call.status, call.outcome, call.fault, call.error) == (502, "error", "upstream", "upstream_failed")
    assert (call.total, call.first_byte, call.answering, call.connecting) == (2.5, 1.0, 1.5, 0.2)
    assert (call.queued, call.waits, call.rescues, call.hedge) == (0.5, {"admission": 0.5}, 1, "won")
    assert (call.cost, call.saved, call.tokens_reasoning) == (12, 3, 4)
    assert call.failed
    assert "secret" not in repr(call)


def test_a_model_that_is_no_entry_is_cut_and_marked() -> None:
    call = told(asked="x" * 1000, model="")
    assert (call.model, call.known) == ("x" * 64, False)
    assert told().known


def test_what_follows_from_a_stream() -> None:
    one = finished(queued=0.25, tokens_out=31)
    one.call.stream = True
    call = Finished._make(record(one, 0.0))
    assert call.prefill == pytest.approx(1.0 - 0.25 - 0.0003)
    assert call.generating == 1.5
    assert call.token_gap == pytest.approx(1.5 / 30)


@pytest.mark.parametrize(
    ("facts", "gap"),
    [({"tokens_out": 20}, 2.0 / 20), ({"tokens_out": 0}, None), ({"attempts": 0}, None), ({"waited": 0.0}, None)],
)
def test_a_whole_answer_was_made_while_its_upstream_was_waited_for(facts: dict[str, object], gap: float | None) -> None:
    call = told(**facts)
    assert call.prefill is None
    assert call.token_gap == (None if gap is None else pytest.approx(gap))


def test_a_waterfall_tells_each_room_and_sums_up_to_the_call() -> None:
    one = finished(answered=101.5)
    rows = waterfall(one, [("auth", 100.25), ("cache", 100.5), ("routing", 100.75)])
    assert rows == (("edge", 0.25), ("auth", 0.25), ("cache", 0.25), ("routing", 0.75), ("answer", 1.0))
    assert sum(seconds for _, seconds in rows) == 2.5


def test_a_waterfall_of_a_call_that_no_upstream_answered() -> None:
    hit = finished(first_byte=101.0)
    assert waterfall(hit, [("cache", 100.5)]) == (("edge", 0.5), ("cache", 0.5), ("answer", 1.5))
    left = finished("left", first_byte=0.0)
    assert waterfall(left, [("admission", 100.5)]) == (("edge", 0.5), ("admission", 2.0), ("answer", 0.0))
    assert waterfall(left, []) == (("edge", 2.5), ("answer", 0.0))


def test_only_a_call_that_was_timed_has_one() -> None:
    assert told().rooms is None
    assert told(rooms=[("auth", 100.5)]).rooms == (("edge", 0.5), ("auth", 0.5), ("answer", 1.5))


def test_a_stranger_s_tags_are_not_counted() -> None:
    assert told(tags="team=a").tags == "team=a"
    assert told(tags="team=a", key="").tags == ""
