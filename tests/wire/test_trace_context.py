import pytest

from penstock.core.trace import Parent
from penstock.wire.trace_context import MOST_MEMBERS, parent_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


def parent(value: str, *state: str) -> Parent | None:
    headers = [(b"host", b"x"), (b"traceparent", value.encode("latin-1"))]
    return parent_of(headers + [(b"tracestate", line.encode("latin-1")) for line in state])


def test_a_valid_one_names_its_trace_and_span() -> None:
    assert parent(GOOD) == (TRACE, SPAN, 1, b"")
    found = parent(f"00-{TRACE}-{SPAN}-00")
    assert found is not None
    assert not found.sampled


def test_flags_that_nobody_knows_yet_are_not_passed_on() -> None:
    found = parent(f"00-{TRACE}-{SPAN}-ff")
    assert found is not None
    assert found.flags == 3


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01.",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}g-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        f"00-{TRACE}-{SPAN}-0x",
        f"01-{TRACE}-{SPAN}-01x",
    ],
)
def test_what_is_not_valid_is_none(value: str) -> None:
    assert parent(value, "a=1") is None


def test_a_later_version_may_say_more() -> None:
    assert parent(f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like") == (TRACE, SPAN, 1, b"")
    assert parent(f"cc-{TRACE}-{SPAN}-01") == (TRACE, SPAN, 1, b"")


def test_space_around_it_is_no_part_of_it() -> None:
    assert parent(f" {GOOD}\t") == (TRACE, SPAN, 1, b"")


def test_of_two_none_counts() -> None:
    line = (b"traceparent", GOOD.encode())
    assert parent_of([line, line]) is None
    assert parent_of([]) is None


def test_states_of_several_lines_are_one_in_order() -> None:
    found = parent(GOOD, "a=1, b@sys=2 ,", "c/d=x y")
    assert found is not None
    assert found.state == b"a=1,b@sys=2,c/d=x y"


@pytest.mark.parametrize(
    "state", ["A=1", "a", "a=", "a=1,a=2", "a=b=c", "a=\x7f", "@x=1", "a=1;b=2,=3", "ä=1", "a=ä", f"{'k' * 257}=1"]
)
def test_a_state_that_is_not_valid_goes_alone(state: str) -> None:
    assert parent(GOOD, state) == (TRACE, SPAN, 1, b"")


def test_a_state_is_bounded() -> None:
    most = ",".join(f"k{number}=v" for number in range(MOST_MEMBERS))
    found = parent(GOOD, most)
    assert found is not None
    assert found.state == most.encode()
    assert parent(GOOD, f"{most},one=more") == (TRACE, SPAN, 1, b"")
    assert parent(GOOD, *(f"k{number}={'v' * 256}" for number in range(32))) == (TRACE, SPAN, 1, b"")
