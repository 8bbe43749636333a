from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct, field

from penstock.core.settings import Finding, Reading, Section
from penstock.core.shapes import Secret
from penstock.core.units import Bytes, Seconds


class Door(Struct, frozen=True, kw_only=True):
    port: Annotated[int, Meta(le=65535)] = 80
    width: Bytes = 1024
    open_for: Seconds = 30.0
    colour: Literal["red", "green"] = "red"
    locked: bool = False
    code: Secret | None = None


class Room(Struct, frozen=True, kw_only=True):
    name: str
    doors: list[Door] = field(default_factory=list)
    size: int | None = None


class House(Struct, frozen=True, kw_only=True):
    rooms: dict[str, Room] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def check(self) -> Iterator[Finding]:
        for position, word in enumerate(self.words):
            if word not in self.rooms:
                yield ("words", position), f'no room "{word}"'
        if not self.words:
            yield ("words",), "no words"


SECTIONS = [Section("door", Door), Section("", House)]


def read(text: str, environ: dict[str, str] | None = None) -> tuple[dict[Any, Any], list[str]]:
    reading = Reading("f.yaml", environ or {})
    values = reading.sections(text, SECTIONS)
    return values, reading.problems


def problems(text: str, environ: dict[str, str] | None = None) -> list[str]:
    return read("words: [hall]\nrooms: {hall: {name: h}}\n" + text, environ)[1]


def test_values_and_defaults() -> None:
    values, found = read(
        """
door: {port: 8080, width: 64KiB, open_for: 5m, colour: green, locked: true, code: "${CODE}"}
words: [hall]
rooms:
  hall: {name: yes, size: ~, doors: [{port: 1}, {}]}
""",
        {"CODE": "s3cret"},
    )
    assert found == []
    assert values[Door] == Door(port=8080, width=65536, open_for=300.0, colour="green", locked=True, code="s3cret")
    assert values[House].rooms == {"hall": Room(name="yes", doors=[Door(port=1), Door()])}


def test_an_absent_section_has_its_defaults() -> None:
    assert read("words: []")[0][Door] == Door()


def test_a_key_with_nothing_under_it_is_empty() -> None:
    values, found = read("door:\nrooms:\nwords: [hall]\n")
    assert values[Door] == Door()
    assert found == ['f.yaml:3: no room "hall"']


def test_every_problem_is_told_in_the_order_of_the_file() -> None:
    assert problems(
        """door:
  prot: 1
  port: 99999
  width: wide
  colour: gren
  locked: maybe
port: 1
"""
    ) == [
        'f.yaml:4: unknown key "prot" in door; did you mean "port"?',
        'f.yaml:5: door.port = "99999": must be at most 65535',
        'f.yaml:6: door.width = "wide": a size is a number with a unit, such as 512B, 64KiB, 32MiB or 1GiB',
        'f.yaml:7: door.colour = "gren": must be one of red, green; did you mean "green"?',
        'f.yaml:8: door.locked = "maybe": must be true or false',
        'f.yaml:9: unknown key "port"; it belongs under "door"',
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("door: 5", "door must be a block of keys, got a single value"),
        ("door: {port: [1]}", "door.port must be a single value, got a list"),
        ("door: {port: }", "door.port has no value"),
        ("door: {1: 2}", 'the key 1 must be text; put it in quotes ("…")'),
        ("door: {? [a] : 2}", 'the key must be text; put it in quotes ("…")'),
        ("door: {port: 1, port: 2}", '"port" is given twice (first on line 3)'),
        ("door: {<<: 5}", "expected keys and values, got a single value"),
        ("zzz: 1", 'unknown key "zzz"; known are door, rooms, words'),
    ],
)
def test_one_problem(text: str, complaint: str) -> None:
    assert problems(text) == [f"f.yaml:3: {complaint}"]


def test_a_document_that_is_no_mapping() -> None:
    assert read("- a")[1][0] == "f.yaml:1: expected keys and values, got a list"


def test_broken_yaml_is_one_problem() -> None:
    values, found = read("a: 1\nb: [")
    assert values == {}
    assert len(found) == 1
    assert found[0].startswith("f.yaml:")


def test_places_in_lists_and_names() -> None:
    _, found = read("words: [a]\nrooms:\n  a:\n    name: x\n    doors:\n      - port: 1\n      - port: x\n")
    assert found == ['f.yaml:7: rooms.a.doors[1].port = "x": must be a whole number']


def test_a_missing_key_stands_at_its_block() -> None:
    assert read("words: [a]\nrooms:\n  a:\n    size: 1\n")[1] == ["f.yaml:3: rooms.a.name is missing"]


def test_a_broken_value_is_not_blamed_twice() -> None:
    assert read("words: 5")[1] == ["f.yaml:1: words must be a list, such as [a, b], got a single value"]
    assert read("words: [a]\nrooms: 5")[1] == ["f.yaml:2: rooms must be a block of names, got a single value"]
    assert read("words: [a]\nrooms: {a: 5}")[1] == ["f.yaml:2: rooms.a must be a block of keys, got a single value"]
    assert read("words: [{}]")[1] == ["f.yaml:1: words[0] must be a single value, got a block of keys"]


def test_what_comes_from_the_environment_is_not_repeated() -> None:
    environ = {"PORT": "s3cret", "CODE": "s3cret\n"}
    for text in ('door: {port: "${PORT}"}', 'door: {code: "${CODE}"}', 'door: {colour: "${PORT}"}'):
        (line,) = problems(text, environ)
        assert "s3cret" not in line
        assert line.startswith("f.yaml:3: door.")


def test_a_secret_written_in_the_file_is_not_repeated() -> None:
    (line,) = problems('door: {code: "s3cret\\n"}')
    assert "s3cret" not in line


def test_a_missing_variable_is_named() -> None:
    (line,) = problems('door: {code: "${CODE}"}')
    assert line.startswith("f.yaml:3: door.code: the environment variable CODE is not set")


def test_an_empty_reference_is_nothing_where_nothing_is_allowed() -> None:
    values, found = read('words: [a]\nrooms: {a: {name: x}}\ndoor: {code: "${CODE:-}"}')
    assert found == []
    assert values[Door].code is None


def test_anchors_and_merges() -> None:
    values, found = read(
        "words: [a]\nrooms:\n  a: &a {name: x, size: 1}\n  b: {<<: *a, size: 2}\n  c: *a\n  d: {<<: [*a, {size: 9}]}\n"
    )
    assert found == []
    assert values[House].rooms == {
        "a": Room(name="x", size=1),
        "b": Room(name="x", size=2),
        "c": Room(name="x", size=1),
        "d": Room(name="x", size=1),
    }


def test_a_place_can_be_named_later() -> None:
    reading = Reading("f.yaml", {})
    reading.sections("words: [a]\nrooms:\n  a: {name: x}\n", SECTIONS)
    assert reading.at(("rooms", "a", "size"), "small") == "f.yaml:3: small"
    assert reading.at(("door",), "shut") == "f.yaml:1: shut"


yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["64KiB", "${A}", "30s"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["door", "rooms", "words", "name", "port", "code", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(yaml_values)
def test_any_tree_is_read_or_refused(tree: object) -> None:
    values, found = read(msgspec.json.encode(tree).decode())
    if not found:
        assert isinstance(values[Door], Door)
        assert isinstance(values[House], House)
