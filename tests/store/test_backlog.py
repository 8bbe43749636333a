from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.store.asked import Append, Mark, Write, size_of
from penstock.store.backlog import Backlog

NOBODY: Any = None


@given(
    st.lists(st.one_of(st.integers(0, 3000), st.tuples(st.integers(1, 5), st.integers(1, 3000)))),
    st.integers(1, 5),
    st.integers(1, 4000),
)
def test_it_is_a_bounded_queue(steps: list[Any], most: int, size: int) -> None:
    backlog = Backlog(most, size)
    model: list[Write] = []
    for step in steps:
        if isinstance(step, int):
            write = Append("l", bytes(step), 1)
            held = sum(size_of(each) for each in model)
            fits = len(model) < most and (not model or held + size_of(write) <= size)
            assert backlog.offer(write) is fits
            if fits:
                model.append(write)
        else:
            number, room = step
            taken = backlog.take(number, room)
            assert taken == model[: len(taken)]
            assert len(taken) <= number
            assert bool(taken) == bool(model)
            assert sum(size_of(each) for each in taken[:-1]) < room or len(taken) == 1 or not taken
            del model[: len(taken)]
        assert len(backlog) == len(model)
        assert backlog.bytes == sum(size_of(each) for each in model)


def test_a_mark_always_fits() -> None:
    backlog = Backlog(1, 1)
    assert backlog.offer(Append("l", b"", 1))
    assert not backlog.offer(Append("l", b"", 1))
    assert backlog.offer(Mark(NOBODY))
    assert len(backlog.take(10, 10**6)) == 2
    assert backlog.take(10, 10**6) == []
