import io
import math
import zipfile
from typing import Any

import numpy as np
import pytest

from penstock.scaling.forecast import state
from penstock.scaling.forecast.forecaster import Forecaster

STEP = 60.0


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    """Of a forecaster that has learned a little."""
    one = Forecaster(STEP, (1, 2), zeros="real")
    for number in range(600):
        one.add(10.0 + number % 7)
    return one._state()


def taken(changed: dict[str, Any]) -> bool:
    return Forecaster(STEP, (1, 2), zeros="real").load(state.written(changed))


def test_what_was_written_is_read(parts: dict[str, Any]) -> None:
    found = state.read(state.written(parts), parts, 600)
    assert found.keys() == parts.keys()
    for name, value in parts.items():
        np.testing.assert_array_equal(found[name], value)


def test_no_part_is_taken_in_another_shape_or_kind_or_with_numbers_that_are_none(parts: dict[str, Any]) -> None:
    new = Forecaster(STEP, (1, 2), zeros="real")._state()
    assert taken(parts)
    for name, value in parts.items():
        array = np.asarray(value)
        wrong = [
            np.zeros((2, 2, 2, 2)),
            array.astype(complex),
            np.full(array.shape, "x"),
            -1 - abs(np.nan_to_num(array)),
        ]
        if array.dtype.kind == "f":
            wrong.append(np.full_like(array, math.inf))
            wrong += [] if np.isnan(new[name]).any() else [np.full_like(array, math.nan)]
        may = ("past.levels", "past.profiles", "past.share", "ridge", "mixture", "conformal.err", "conformal.s",
               "conformal.l", "margins.r", "margins.m", "margins.l")  # fmt: skip
        for one in wrong:
            signed = one.dtype == array.dtype and one.shape == array.shape and np.isfinite(one).all()
            if not (signed and name.startswith(may)):
                assert not taken(parts | {name: one}), (name, one)


def test_one_that_unpacks_to_more_than_it_may_is_not_unpacked(parts: dict[str, Any]) -> None:
    for large in ({"past.values": np.zeros(20_000_000)}, {"more": np.zeros(20_000_000)}):
        data = state.written(parts | large)
        assert len(data) < 400_000
        with pytest.raises(ValueError, match=r"too large|other parts"):
            state.read(data, parts, 600)


def test_what_is_no_archive_of_arrays_is_refused(parts: dict[str, Any]) -> None:
    whole = state.written(parts)
    out = io.BytesIO()
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,), }".ljust(117)
    with zipfile.ZipFile(out, "w") as archive:
        for name in parts:
            archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00v\x00" + head + b"\n")
    pickled = parts | {"past.levels": np.array([{}], object)}
    cut = bytearray(whole)
    cut[100:200] = bytes(100)
    for data in (b"", whole[:-20], bytes(cut), out.getvalue(), state.written(pickled)):
        with pytest.raises(ValueError, match=r"."):
            state.read(data, parts, 600)
