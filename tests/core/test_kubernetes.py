import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.kubernetes import is_label, is_name, label_of


@pytest.mark.parametrize("text", ["a", "vllm", "gpu-0", "0", "a" * 63])
def test_labels(text: str) -> None:
    assert is_label(text)
    assert is_name(text)
    assert label_of(text) == text


@pytest.mark.parametrize("text", ["", "-a", "a-", "A", "a_b", "a" * 64, "ä", "a\n", "a b", "a/b"])
def test_no_labels(text: str) -> None:
    assert not is_label(text)
    assert not is_name(text)


def test_names_have_dots() -> None:
    assert is_name("vllm.v2")
    assert not is_label("vllm.v2")
    assert not is_name("a..b")
    assert not is_name(".a")
    assert not is_name(".".join(["a" * 63] * 5))


@given(st.text(), st.integers(8, 63))
def test_any_text_has_a_label(text: str, longest: int) -> None:
    made = label_of(text, longest)
    assert is_label(made)
    assert len(made) <= longest


def test_texts_that_look_alike_keep_apart() -> None:
    assert len({label_of(text) for text in ("GPU.0", "gpu.0", "gpu_0", "gpu-0", "gpu 0")}) == 5
