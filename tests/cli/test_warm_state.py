import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.warm_state import MOST_FAILED, State, fingerprint


def test_what_was_done_is_done_for_the_next_run(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    state = State(path, "x")
    assert not state.resumed
    for number in (1, 2, 5):
        state.mark(number, failed=False)
    state.mark(3, failed=True)
    state.save()
    again = State(path, "x")
    assert again.resumed
    assert [number for number in range(1, 8) if again.is_done(number)] == [1, 2, 5]
    again.mark(3, failed=False)
    again.mark(4, failed=False)
    again.save()
    assert (State(path, "x").next, State(path, "x").done) == (6, set())
    assert [number for number in range(1, 8) if State(path, "x").is_done(number)] == [1, 2, 3, 4, 5]


@given(st.permutations(range(1, 30)), st.sets(st.integers(1, 29)), st.integers(0, 29))
def test_in_any_order_exactly_what_went_well_is_done(order: list[int], failing: set[int], until: int) -> None:
    state = State(None, "")
    for number in order[:until]:
        state.mark(number, failed=number in failing)
    done = {number for number in range(1, 40) if state.is_done(number)}
    assert done == set(order[:until]) - failing
    assert len(state.done) <= until


def test_another_input_begins_anew(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    state = State(path, "x")
    state.mark(1, failed=False)
    state.save()
    assert not State(path, "y").is_done(1)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "7", '{"belongs_to": "x"}', '{"belongs_to":"x","next":"1","done":[],"failed":[]}',
        '{"belongs_to":"x","next":-3,"done":[],"failed":[]}', '{"belongs_to":"x","next":5,"done":[true],"failed":[]}',
        '{"belongs_to":"x","next":5,"done":[[1]],"failed":[]}', "[" * 100_000, "\x00\x00",
    ],
)  # fmt: skip
def test_a_state_that_cannot_be_read_begins_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "s").write_text(text)
    state = State(str(tmp_path / "s"), "x")
    assert (state.next, state.resumed) == (1, False)


def test_a_state_that_is_a_folder_is_told_when_it_is_written(tmp_path: Path) -> None:
    state = State(str(tmp_path), "x")
    state.mark(1, failed=False)
    with pytest.raises(OSError, match="directory"):
        state.save()


def test_it_is_forgotten_at_the_end(tmp_path: Path) -> None:
    state = State(str(tmp_path / "s"), "x")
    state.forget()
    state.mark(1, failed=False)
    state.save()
    assert json.loads((tmp_path / "s").read_text())["next"] == 2
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0
    state.forget()
    assert list(tmp_path.iterdir()) == []


def test_failures_are_bounded() -> None:
    state = State(None, "")
    for number in range(1, MOST_FAILED + 10):
        state.mark(number, failed=True)
    assert len(state.failed) == MOST_FAILED
    assert state.is_done(MOST_FAILED + 5)


def test_many_threads_may_mark() -> None:
    state = State(None, "")

    def mark(first: int) -> None:
        for number in range(first, 4001, 4):
            state.mark(number, failed=False)

    threads = [threading.Thread(target=mark, args=(first,)) for first in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (state.next, state.done) == (4001, set())


def test_a_fingerprint_tells_inputs_apart(tmp_path: Path) -> None:
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_text("x" * 10_000)
    other.write_text("x" * 10_000 + "more")
    assert fingerprint(str(one), "u") == fingerprint(str(other), "u")  # lines may be added at the end
    assert fingerprint(str(one), "u") != fingerprint(str(one), "v")
    other.write_text("y")
    assert fingerprint(str(one), "u") != fingerprint(str(other), "u")
