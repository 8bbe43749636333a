import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.document import BadDocument, compose, is_null, is_text_key, line_of


def refusal(text: str) -> BadDocument:
    with pytest.raises(BadDocument) as caught:
        compose(text)
    return caught.value


def test_nodes_know_their_lines() -> None:
    root = compose("# a comment\na: 1\n\nb:\n  - x\n")
    assert root is not None
    (a, one), (b, items) = root.value
    assert [line_of(node) for node in (a, one, b, items.value[0])] == [2, 2, 4, 5]


def test_nothing_is_no_root() -> None:
    assert compose("") is None
    assert compose("# only a comment\n") is None


def test_null_and_text_keys() -> None:
    root = compose("a:\nb: ~\nc: 'null'\n1: x\nyes: x\n'2': x\n")
    assert root is not None
    assert [is_null(value) for _, value in root.value[:3]] == [True, True, False]
    assert [is_text_key(key) for key, _ in root.value] == [True, True, True, False, False, True]


def test_a_reference_in_braces_wants_quotes() -> None:
    error = refusal("a: 1\nb: {key: ${NAME}}\n")
    assert error.line == 2
    assert '"${NAME}"' in error.message


def test_tabs_are_named() -> None:
    assert "tabs" in refusal("a:\n\tb: 1\n").message


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "- a\nb: 1", "--- 1\n--- 2\n", "a: *nobody", "%YAML 9", "'"])
def test_what_is_no_yaml_is_refused_with_a_line(text: str) -> None:
    assert refusal(text).line >= 1


def test_tags_are_refused() -> None:
    for text in ("a: !!python/object:os.system x", "a: !Ref b", "a: !!binary aGk="):
        assert "tags" in refusal(text).message


def test_characters_that_yaml_does_not_allow_have_a_line() -> None:
    assert refusal("a: 1\nb: \x00\n").line == 2


def test_depth_is_bounded() -> None:
    assert "levels deep" in refusal("[" * 100_000).message
    assert compose("[" * 30 + "]" * 30) is not None


def test_aliases_count_each_time_they_are_used() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 9):
        bomb += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n"
    assert "aliases" in refusal(bomb).message
    assert compose("base: &b {x: 1}\nother: *b\n") is not None


def test_an_anchor_may_not_hold_itself() -> None:
    assert "itself" in refusal("a: &a [*a]").message


def test_size_is_bounded() -> None:
    assert "KiB" in refusal("#" * 2_000_000).message


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_a_tree_or_refused(text: str) -> None:
    line = 1
    try:
        compose(text)
    except BadDocument as error:
        line = error.line
    assert 1 <= line <= len(text) + 1
