import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.discovery.instances import Instance, Known, from_lines, parse_address, plain_host


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.1:8000", "10.0.0.1", 8000),
        ("[::1]:1", "::1", 1),
        ("[FD00::0:1]:65535", "fd00::1", 65535),
        ("GPU-1.models_x.example.:80", "gpu-1.models_x.example", 80),
        ("localhost:8", "localhost", 8),
    ],
)
def test_an_address(text: str, host: str, port: int) -> None:
    assert parse_address(text) == (host, port)
    assert parse_address(Instance(host, port).address) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":1", "a", "a:", "a:0", "a:65536", "a:-1", "a:1x", "a:¹", "::1:80", "[::1:80", "[10.0.0.1]:80", "[a]:80"),
        *("127.1:80", "2130706433:80", "0x7f000001:80", "0177.0.0.1:80", "1.2.3.4.5:80", "[fe80::1%eth0]:80"),
        *("a b:80", "a/b:80", "u@h:80", "a..b.-:80", "-a:80", "é:80", f"{'a' * 254}:80", "a:000080"),
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|host"):
        parse_address(text)


@given(st.text(max_size=60))
def test_any_text_is_a_plain_host_or_refused(text: str) -> None:
    try:
        host = plain_host(text)
    except ValueError:
        return
    assert plain_host(f"[{host}]" if ":" in host else host) == host


def test_a_file_with_an_instance_a_line() -> None:
    text = "# gpus\n\n10.0.0.1:8000\n  10.0.0.2:8000\t3  # the big one\n[::1]:1 10000\r\n"
    assert from_lines(text) == [
        Instance("10.0.0.1", 8000),
        Instance("10.0.0.2", 8000, 3),
        Instance("::1", 1, 10000),
    ]


@pytest.mark.parametrize("line", ["10.0.0.1", "a:1 0", "a:1 -1", "a:1 x", "a:1 2 3", "a:1 10001", "a:1 " + "9" * 5000])
def test_a_line_that_is_none_is_named(line: str) -> None:
    with pytest.raises(ValueError, match=r"^line 2: "):
        from_lines(f"ok:1\n{line}\n")


A, B, C = Instance("a", 1), Instance("b", 1), Instance("c", 1)


def test_what_is_known_follows_what_is_told() -> None:
    known = Known(10)
    assert known.take([B, A])
    assert known.instances == (A, B)
    assert not known.take([A, B])
    assert known.take([A, C])
    assert known.instances == (A, C)
    assert known.take([Instance("a", 1, 5), C])
    assert known.instances[0].weight == 5


def test_an_empty_answer_changes_nothing() -> None:
    known = Known(10)
    known.take([A])
    assert not known.take([])
    assert known.instances == (A,)


def test_with_misses_one_leaves_only_after_so_many_answers_without_it() -> None:
    known = Known(10, misses=3)
    known.take([A, B])
    assert not known.take([A])
    assert not known.take([A])
    assert not known.take([A, B])  # told again: the count begins anew
    assert not known.take([A])
    assert not known.take([A])
    assert known.take([A])
    assert known.instances == (A,)


def test_beyond_the_bound_those_known_stay() -> None:
    known = Known(2)
    known.take([B, C])
    assert not known.take([A, B, C])
    assert (known.instances, known.beyond) == ((B, C), 1)
    assert known.take([A, C])
    assert (known.instances, known.beyond) == ((A, C), 0)


@given(
    st.lists(st.lists(st.integers(0, 9), max_size=8), max_size=12),
    st.integers(1, 5),
    st.integers(1, 3),
)
def test_never_more_than_the_bound_and_nothing_that_was_not_told(
    answers: list[list[int]], most: int, misses: int
) -> None:
    known = Known(most, misses)
    told: set[str] = set()
    for answer in answers:
        told |= {f"h{number}" for number in answer}
        before = known.instances
        changed = known.take([Instance(f"h{number}", 1) for number in answer])
        assert changed == (known.instances != before)
        assert len(known.instances) <= most
        assert {one.host for one in known.instances} <= told
        if answer:
            assert known.instances
