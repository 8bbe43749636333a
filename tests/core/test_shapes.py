from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct, field

from penstock.core.shapes import MASK, FilePath, ReadableFile, Secret, SecretUrl, fields_of, shape_of
from penstock.core.units import Bytes, Seconds


class Inner(Struct, frozen=True):
    x: int


class Outer(Struct, frozen=True):
    inner: Inner
    names: list[str] = field(default_factory=lambda: ["a"])
    pause: Annotated[Seconds, Meta(gt=0, description="Long.")] = 1.0


def test_plain_types() -> None:
    assert [shape_of(t).base for t in (str, int, float, bool, Inner)] == ["str", "int", "float", "bool", "struct"]
    assert shape_of(Literal["a", "b"]).choices == ("a", "b")


def test_containers() -> None:
    shape = shape_of(dict[str, list[Inner]])
    assert shape.base == "dict"
    assert shape.inner is not None
    assert shape.inner.inner == shape_of(Inner)


def test_optional() -> None:
    assert shape_of(int | None).optional
    assert not shape_of(int).optional


def test_marks_add_up() -> None:
    shape = shape_of(Annotated[Annotated[Bytes, Meta(ge=1, description="a")] | None, Meta(description="b")])
    assert shape.unit is not None
    assert (shape.unit.name, shape.ge, shape.description, shape.optional) == ("size", 1, "b", True)


def test_a_secret_is_hidden_also_inside_others() -> None:
    assert shape_of(Secret).hides
    assert shape_of(dict[str, Secret] | None).hides
    assert not shape_of(FilePath).hides


def test_masks() -> None:
    secret, url = shape_of(Secret).hidden, shape_of(SecretUrl).hidden
    assert secret is not None
    assert url is not None
    assert secret.mask("sk-1234") == MASK
    assert url.mask("redis://me:p@ss@host:1/2") == f"redis://{MASK}@host:1/2"
    assert url.mask("redis://host:1/2") == "redis://host:1/2"
    assert url.mask("sqlite:a@b") == "sqlite:a@b"


def test_files() -> None:
    path = shape_of(ReadableFile).path
    assert path is not None
    assert path.exists


@pytest.mark.parametrize(
    "annotation",
    [
        bytes, int | str, dict[int, str], int | str | None, tuple[int, ...],
        Annotated[str, Meta(pattern="^/")], Annotated[int, Meta(multiple_of=64)],
    ],
)  # fmt: skip
def test_others_are_refused(annotation: object) -> None:
    with pytest.raises(TypeError):
        shape_of(annotation)


def test_fields() -> None:
    fields = fields_of(Outer)
    assert list(fields) == ["inner", "names", "pause"]
    assert fields["inner"].required
    assert fields["names"].default == ["a"]
    assert (fields["pause"].default, fields["pause"].shape.description) == (1.0, "Long.")
