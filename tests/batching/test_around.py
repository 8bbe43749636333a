"""What batches stand on cannot be changed under them."""

import dataclasses

import pytest

from penstock.batching.around import Around


def test_it_is_frozen() -> None:
    around = Around(*[None] * 6)  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        around.next = None  # type: ignore[misc, assignment]
