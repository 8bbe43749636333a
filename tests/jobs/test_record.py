import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.jobs.record import Outcome, Sums, compact, decode, encode, whole_records


def outcome(n: int, body: bytes = b'{"a": 1}', **facts: object) -> Outcome:
    return Outcome(n, f"c{n}", "ok", 200, "r", msgspec.Raw(body), **facts)  # type: ignore[arg-type]


def test_a_record_comes_back_as_it_was() -> None:
    one = outcome(3, tokens_in=5, micro_dollars=9, upstream="u")
    assert decode(encode(one)[:-1]) == one


def test_a_body_over_several_lines_is_one_line() -> None:
    record = encode(outcome(1, b'{\n "a":\r\n "x\\ny"\n}'))
    assert record.count(b"\n") == 1
    assert msgspec.json.decode(decode(record[:-1]).body) == {"a": "x\ny"}


def test_what_is_no_json_becomes_a_text() -> None:
    assert msgspec.json.decode(compact(b"<html>\xff\n")) == "<html>\ufffd\n"


@given(st.integers(0, 400))
def test_a_record_that_was_cut_short_is_none(cut: int) -> None:
    data = encode(outcome(1)) + encode(outcome(2))
    found = list(whole_records(data[: min(cut, len(data))]))
    whole = [end for _, end in whole_records(data)]
    assert [end for _, end in found] == [end for end in whole if end <= cut]


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_record_that_was_changed_is_none(at: int, bits: int) -> None:
    record = bytearray(encode(outcome(1, tokens_in=1))[:-1])
    record[at % len(record)] ^= bits
    if b"\n" in record:
        return
    with pytest.raises(ValueError):
        decode(bytes(record))


def test_zeros_that_a_crash_left_are_no_records() -> None:
    data = encode(outcome(1))
    assert [one.n for one, _ in whole_records(data + b"\0" * 4096 + b"\n" + encode(outcome(2)))] == [1]


def test_sums() -> None:
    sums = Sums()
    sums.add(outcome(1, tokens_in=2, tokens_out=3, tokens_cached=1, micro_dollars=7))
    sums.add(Outcome(2, "x", "error", code="batch_expired"))
    assert sums == Sums(1, 1, 2, 3, 1, 7)
