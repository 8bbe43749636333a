from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.sessions import Sessions


def test_a_session_is_known_until_it_was_silent_for_the_ttl() -> None:
    sessions = Sessions(10.0, 100)
    assert sessions.find("s", 0.0) == ""
    sessions.keep("s", "a", 0.0)
    assert sessions.find("s", 9.9) == "a"
    sessions.keep("s", "b", 9.9)
    assert sessions.find("s", 19.8) == "b"
    assert sessions.find("s", 19.9) == ""
    assert len(sessions) == 0


def test_looking_does_not_make_it_last() -> None:
    sessions = Sessions(10.0, 2)
    sessions.keep("s", "a", 0.0)
    sessions.keep("t", "b", 1.0)
    sessions.find("s", 5.0)
    sessions.keep("u", "c", 6.0)
    assert [sessions.find(name, 6.0) for name in "stu"] == ["", "b", "c"]


def test_a_bound_that_is_lowered_holds_at_once() -> None:
    sessions = Sessions(10.0, 100)
    for number in range(100):
        sessions.keep(str(number), "a", 0.0)
    sessions.bound = 5
    sessions.keep("new", "a", 0.0)
    assert len(sessions) == 5
    assert repr(sessions) == "<Sessions 5 of 5>"


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.booleans(), st.sampled_from("abcdef"), st.sampled_from("xy"), st.floats(0, 4)), max_size=60),
)
def test_it_is_a_bounded_lru_with_expiry(bound: int, events: list[tuple[bool, str, str, float]]) -> None:
    sessions, model, now = Sessions(5.0, bound), OrderedDict[str, tuple[str, float]](), 0.0
    for keeps, name, target, passed in events:
        now += passed
        if keeps:
            sessions.keep(name, target, now)
            model.pop(name, None)
            model[name] = (target, now)
            while len(model) > bound:
                model.popitem(last=False)
        else:
            target, at = model.get(name, ("", now))
            if at + 5.0 <= now:
                model.pop(name, None)
                target = ""
            assert sessions.find(name, now) == target
        assert len(sessions) <= bound
