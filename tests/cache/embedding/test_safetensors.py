"""Arrays out of the safetensors format, and nothing out of what is damaged."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.embedding.safetensors import arrays


def written(**tensors: np.ndarray) -> bytes:
    """A file of these tensors."""
    header, body = {}, b""
    for name, tensor in tensors.items():
        kind = {"float32": "F32", "float16": "F16", "int64": "I64"}[tensor.dtype.name]
        ends = [len(body), len(body) + tensor.nbytes]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": ends}
        body += tensor.tobytes()
    text = json.dumps(header | {"__metadata__": {"format": "pt"}}).encode()
    return len(text).to_bytes(8, "little") + text + body


def test_what_was_written_is_read() -> None:
    first = np.arange(6, dtype=np.float32).reshape(2, 3)
    second = np.array([1.5, -2], np.float16)
    read = arrays(written(a=first, b=second))
    assert set(read) == {"a", "b"}
    assert np.array_equal(read["a"], first)
    assert np.array_equal(read["b"], second)


def test_it_views_the_bytes_it_was_given() -> None:
    data = written(a=np.zeros(4, np.float32))
    assert not arrays(data)["a"].flags.owndata


@given(st.integers(0, 200))
def test_a_file_that_is_cut_off_is_refused(length: int) -> None:
    data = written(a=np.zeros(40, np.float32))
    with pytest.raises(ValueError, match="safetensors"):
        arrays(data[: min(length, len(data) - 1)])


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]},
        {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": None, "data_offsets": [0, 4]},
        "text",
    ],
)
def test_a_header_that_lies_is_refused(entry: object) -> None:
    text = json.dumps({"a": entry}).encode()
    with pytest.raises(ValueError, match="safetensors"):
        arrays(len(text).to_bytes(8, "little") + text + bytes(4))


def test_a_header_that_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="safetensors"):
        arrays((2).to_bytes(8, "little") + b"[]")
    with pytest.raises(ValueError):
        arrays((2).to_bytes(8, "little") + b"{,")
