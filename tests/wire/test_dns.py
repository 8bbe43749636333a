import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.wire.dns import UDP_BYTES, Answer, BadAnswer, Srv, answer, question

NAME = "_http._tcp.models.example"
OWNER = b"\x05_http\x04_tcp\x06models\x07example\0"
ASKED = OWNER + b"\0\x21\0\x01"


def head(number: int = 7, flags: int = 0x8180, answers: int = 1, questions: int = 1) -> bytes:
    counts = [questions, answers, 0, 0]
    return b"".join(part.to_bytes(2, "big") for part in (number, flags, *counts))


def record(
    data: bytes, owner: bytes = b"\xc0\x0c", kind: int = 33, family: int = 1, length: int | None = None
) -> bytes:
    size = len(data) if length is None else length
    numbers = kind.to_bytes(2, "big") + family.to_bytes(2, "big") + (30).to_bytes(4, "big") + size.to_bytes(2, "big")
    return owner + numbers + data


def srv(target: bytes, priority: int = 1, weight: int = 2, port: int = 8000) -> bytes:
    return b"".join(number.to_bytes(2, "big") for number in (priority, weight, port)) + target


def test_the_question_byte_for_byte() -> None:
    assert question(NAME, 0x1234) == (
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01" + ASKED + b"\0\0\x29" + UDP_BYTES.to_bytes(2, "big") + bytes(6)
    )
    assert question(NAME + ".", 1) == question(NAME, 1)


@pytest.mark.parametrize("name", ["", "a..b", "a b", "x" * 64, ".".join(["x" * 60] * 5), "é.example"])
def test_a_name_that_cannot_be_asked(name: str) -> None:
    with pytest.raises(ValueError, match=r"name|ascii"):
        question(name, 1)


def test_records_with_and_without_pointers() -> None:
    pointed = record(srv(b"\x01b\xc0\x17"))  # b.models.example: the question's name goes on there
    plain = record(srv(b"\x01A\x02ip\0", 0, 65535, 1), owner=OWNER.upper())
    data = head(answers=2) + ASKED + pointed + plain
    assert answer(data, NAME, 7) == Answer((Srv(1, 2, 8000, "b.models.example"), Srv(0, 65535, 1, "a.ip")))


def test_what_is_not_there_has_no_records() -> None:
    assert answer(head(flags=0x8183, answers=0) + ASKED, NAME, 7) == Answer(())
    assert answer(head(answers=0) + ASKED, NAME, 7) == Answer(())
    nowhere = record(srv(b"\0", 0, 0, 0))
    assert answer(head() + ASKED + nowhere, NAME, 7) == Answer(())  # "." says that there is no such service


def test_an_alias_is_followed_and_foreign_records_are_not_believed() -> None:
    alias = record(b"\x05other\0", kind=5)
    theirs = record(srv(b"\x01b\0"), owner=b"\x05other\0")
    foreign = record(srv(b"\x04evil\0"), owner=b"\x05third\0")
    address = record(b"\x7f\0\0\x01", kind=1)
    data = head(answers=4) + ASKED + alias + theirs + foreign + address
    assert answer(data, NAME, 7).records == (Srv(1, 2, 8000, "b"),)
    circle = record(b"\xc0\x0c", kind=5)
    assert answer(head() + ASKED + circle, NAME, 7) == Answer(())


def test_a_cut_answer_is_told_as_such() -> None:
    assert answer(head(flags=0x8380, answers=0) + ASKED, NAME, 7) == Answer((), truncated=True)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "too early"),
        (head(number=8) + ASKED, "another question"),
        (head(flags=0x0180) + ASKED, "no answer"),
        (head(flags=0x8980) + ASKED, "no answer"),
        (head(questions=0) + ASKED, "another question"),
        (head() + ASKED.replace(b"models", b"module"), "another question"),
        (head() + ASKED.replace(b"\x21", b"\x01"), "another question"),
        (head(flags=0x8182, answers=0) + ASKED, r"could not tell \(code 2\)"),
        (head(flags=0x8185, answers=0) + ASKED, r"could not tell \(code 5\)"),
        (head() + ASKED, "too early"),
        (head() + ASKED + record(srv(b"\x01b\0"), length=40), "length|too early"),
        (head() + ASKED + record(srv(b"\x01b\0"), length=3), "length"),
        (head() + ASKED + record(srv(b"\x01b\xc0\xff")), "ahead of itself"),
        (head() + ASKED + record(srv(b"\xc0\x3d")), "ahead of itself"),
        (head() + ASKED + record(srv(b"\x03a b\0")), "none of a host"),
        (head() + ASKED + record(srv(b"\x40" + b"a" * 64 + b"\0")), "none of a host"),
        (head() + ASKED + record(srv((b"\x3f" + b"a" * 63) * 4 + b"\0")), "none of a host"),
        (head(answers=65535) + ASKED + record(srv(b"\x01b\0")), "too early"),
    ],
)
def test_what_is_no_answer_to_the_question(data: bytes, said: str) -> None:
    with pytest.raises(BadAnswer, match=said):
        answer(data, NAME, 7)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, behind_a_good_head: bool) -> None:
    data = head(answers=3) + ASKED + data if behind_a_good_head else data
    try:
        told = answer(data, NAME, 7)
    except BadAnswer:
        return
    assert all(0 <= one.port < 65536 and one.target for one in told.records)


@given(st.binary(min_size=1, max_size=60), st.integers(0, 65535), st.integers(0, 65535))
def test_any_change_of_a_good_answer_is_read_or_refused(noise: bytes, place: int, number: int) -> None:
    good = bytearray(head(answers=2) + ASKED + record(srv(b"\x01b\xc0\x17")) + record(srv(b"\x01c\xc0\x17")))
    for offset, byte in enumerate(noise):
        good[(place + offset * 7) % len(good)] ^= byte
    with contextlib.suppress(BadAnswer):
        answer(bytes(good), NAME, number)


@given(
    st.lists(st.from_regex(r"[a-z0-9_-]{1,12}", fullmatch=True), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 65535)), max_size=8),
)
def test_what_was_asked_is_what_is_answered(labels: list[str], told: list[tuple[int, int, int]]) -> None:
    name = ".".join(labels)
    asked = question(name, 99)[12:-11]
    records = [record(srv(b"\x01t\xc0\x0c", *numbers)) for numbers in told]
    data = head(99, answers=len(told)) + asked + b"".join(records)
    assert answer(data, name, 99).records == tuple(Srv(*numbers, f"t.{name}") for numbers in told)
