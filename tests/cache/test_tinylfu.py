"""Within its bound always; what is asked for often and saves much stays; a scan drives out nothing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cache.tinylfu import Sketch, TinyLfu
from tests.support.caching import id_of

Held = tuple[int, float]


def order_of(bound: int, keys: int) -> TinyLfu[Held]:
    return TinyLfu(bound, Sketch(keys), lambda held: held[0], lambda _, held: held[1])


def touch(order: TinyLfu[Held], key: bytes) -> None:
    order._sketch.add(key)
    order.get(key)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 60), st.sampled_from(["add", "touch", "remove"])), max_size=200
    )
)
def test_it_holds_what_it_says_and_never_more_than_it_may(steps: list[tuple[int, int, str]]) -> None:
    order = order_of(200, 32)
    held: dict[bytes, int] = {}
    for number, size, what in steps:
        key = id_of(str(number))
        if what == "add":
            held[key] = size
            for gone, (given, _) in order.add(key, (size, 1 / size)):
                assert held.pop(gone) == given
        elif what == "touch":
            touch(order, key)
        else:
            order.remove(key)
            held.pop(key, None)
        assert set(order) == set(held)
        assert all((id_of(str(one)) in order) == (id_of(str(one)) in held) for one in range(31))
        assert order.held == sum(held.values()) <= 200
        assert len(order) == len(held)


def test_what_is_larger_than_all_goes_at_once() -> None:
    order = order_of(100, 8)
    assert order.add(id_of("a"), (101, 1.0)) == [(id_of("a"), (101, 1.0))]
    assert order.held == 0


def test_a_burst_of_what_nobody_repeats_drives_out_nothing_that_is_asked_for() -> None:
    order = order_of(1000, 1000)
    popular = [id_of(f"popular {number}") for number in range(50)]
    for key in popular:
        order.add(key, (10, 1.0))
        for _ in range(5):
            touch(order, key)
    for number in range(5000):
        key = id_of(f"once {number}")
        touch(order, key)
        order.add(key, (10, 1.0))
    assert sum(key in order for key in popular) >= 48


def test_of_equal_use_what_saves_more_a_byte_stays() -> None:
    order = order_of(1000, 1000)
    for number in range(100):
        order.add(id_of(f"dear {number}"), (10, 5.0))
    for number in range(1000):
        order.add(id_of(f"cheap {number}"), (10, 1.0))
    assert sum(id_of(f"dear {number}") in order for number in range(100)) >= 95


def test_old_fame_fades() -> None:
    sketch = Sketch(64)
    for _ in range(200):
        sketch.add(id_of("a"))
    before = sketch.count(id_of("a"))
    for number in range(2000):
        sketch.add(id_of(str(number)))
    assert sketch.count(id_of("a")) < before


def test_dropping_one_by_one_empties_it() -> None:
    order = order_of(100, 8)
    for name in "abc":
        order.add(id_of(name), (10, 1.0))
        touch(order, id_of(name))
    gone = [order.drop() for _ in range(4)]
    assert sorted(one[0] for one in gone if one is not None) == sorted(map(id_of, "abc"))
    assert gone[-1] is None
    assert order.held == 0
