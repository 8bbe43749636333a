from hypothesis import given
from hypothesis import strategies as st

from penstock.edge.ids import Ids, worker_of


@given(st.integers(0, 255))
def test_an_id_tells_its_worker(worker: int) -> None:
    assert worker_of(Ids(worker).next()) == worker


def test_ids_are_unique_over_workers_and_restarts() -> None:
    makers = [Ids(0), Ids(0), Ids(1), Ids(11)]
    made = [ids.next() for ids in makers for _ in range(1000)]
    assert len(set(made)) == len(made)
    assert all(len(one) < 40 for one in made)


@given(st.text(max_size=40))
def test_an_id_that_a_caller_chose_does_no_harm(given_id: str) -> None:
    found = worker_of(given_id)
    assert found is None or found >= 0


def test_what_is_no_id_of_ours_tells_no_worker() -> None:
    for text in ("", "req_", "req_x", "req_ax1", "abc", "req_1", "req_²x1", f"req_{'9' * 5000}x1"):
        assert worker_of(text) is None, text


def test_the_numbers_are_hexadecimal() -> None:
    ids = Ids(3, "start")
    assert all(ids.next() == f"req_3xstart-{number:x}" for number in range(1, 70_000))


def test_how_many_were_made() -> None:
    ids = Ids(0)
    assert ids.made == 0
    ids.next()
    ids.next()
    assert ids.made == 2
    assert ids.next().endswith("-3")
