import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.deploy.tree import Document, Hole, dump, filled, holes_of, template_of, text_of

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=30)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=40)
@given(trees)
def test_what_is_written_is_read_again(tree: object) -> None:
    assert yaml.safe_load(dump(tree)) == tree


@pytest.mark.parametrize(
    "text", ["1e3", "yes", "on", "y", "0o17", "12:30", "~", "null", ".inf", "1_000", "- a", "a: b"]
)
def test_what_some_readers_take_for_something_else_is_quoted(text: str) -> None:
    assert dump([text]).startswith(("- '", '- "'))


def test_long_texts_stay_readable() -> None:
    assert dump({"key": "one\ntwo\n"}) == "key: |\n  one\n  two\n"
    assert dump({"key": "x " * 500 + "y"}).count("\n") == 1


TREE = {
    "name": Hole("", "penstock", ".Release.Name"),
    "image": {"tag": Hole("image.tag", "1")},
    "list": [{"name": "a", "more": Hole("more", {}, optional=True)}, Hole("item", [1, 2])],
    "left": Hole("left", "", optional=True),
    "braces": "{{ .Values.secret }}",
}


def test_without_a_choice_holes_have_their_own_values() -> None:
    assert filled(TREE) == {
        "name": "penstock",
        "image": {"tag": "1"},
        "list": [{"name": "a"}, [1, 2]],
        "braces": "{{ .Values.secret }}",
    }
    assert yaml.safe_load(text_of(TREE)) == filled(TREE)


def test_a_template_asks_at_each_hole() -> None:
    text = template_of(Document("x", TREE, Hole("on", True)))
    assert text.splitlines()[0] == "{{- if .Values.on }}"
    assert text.splitlines()[-1] == "{{- end }}"
    for line in (
        "name: {{ .Release.Name | toJson }}",
        "  tag: {{ .Values.image.tag | toJson }}",
        "  {{- with .Values.more }}",
        "  more: {{ . | toJson }}",
        "- {{ .Values.item | toJson }}",
        'braces: {{ "{{ .Values.secret }}" | toJson }}',
    ):
        assert line in text.splitlines()
    assert [one.path for one in holes_of(TREE)] == ["", "image.tag", "more", "item", "left"]


def test_an_optional_hole_that_would_break_a_list_is_refused() -> None:
    with pytest.raises(ValueError, match="optional"):
        template_of(Document("x", [{"a": Hole("a", "", optional=True)}]))
