from penstock.core.finished import Finished
from penstock.observe.tape import Tape
from tests.support.exchanges import finished


def test_calls_are_kept_in_order_until_they_are_taken() -> None:
    tape = Tape(lambda: 7.0, 10, lambda: None)
    tape.take(finished(status=200))
    tape.take(finished(status=502))
    rows = [Finished._make(row) for row in tape.cut()]
    assert [(row.status, row.at) for row in rows] == [(200, 7.0), (502, 7.0)]
    assert tape.cut() == []


def test_a_full_tape_says_so() -> None:
    taken: list[int] = []
    tape = Tape(lambda: 7.0, 3, lambda: taken.append(len(tape.cut())))
    for _ in range(7):
        tape.take(finished())
    assert (taken, len(tape.cut())) == ([3, 3], 1)
