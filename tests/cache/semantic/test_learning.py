"""Verifiers by model and embedder, and what is kept of them."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.cache.semantic.learning import MOST_VERIFIERS, Learners, State, state_bytes, state_of
from tests.support.matching import Scripted


def learners(worker: str = "host/0") -> Learners:
    return Learners(Scripted, worker)  # type: ignore[arg-type]


def get(those: Learners, model: str = "m", version: str = "v") -> Any:
    return those.get(model, version)


def state(requests: int, *, stopped: bool = False, worker: str = "w", learned: bytes = b"\x80") -> State:
    return State("m", "v", worker, 1.0, requests, stopped, learned)


def test_each_model_and_embedder_has_its_own() -> None:
    those = learners()
    assert get(those) is get(those)
    assert len({id(get(those, *name)) for name in (("m", "v"), ("n", "v"), ("m", "w"))}) == 3
    assert sorted((model, version) for model, version, _ in those) == [("m", "v"), ("m", "w"), ("n", "v")]


def test_what_was_learned_is_told_once_for_each_change() -> None:
    those = learners()
    get(those).requests = 3
    (saved,) = those.states(7.0)
    assert (saved.model, saved.version, saved.worker, saved.saved, saved.requests) == ("m", "v", "host/0", 7.0, 3)
    assert those.states(8.0) == []
    get(those).requests = 4
    assert len(those.states(9.0)) == 1
    assert state_of(state_bytes(saved)) == saved


def test_each_worker_overwrites_its_own() -> None:
    assert state(1).key == state(2).key
    assert state(1).key != state(1, worker="x").key


@pytest.mark.parametrize("order", [1, -1])
def test_the_worst_is_taken_up(order: int) -> None:
    those = learners()
    for one in [state(10, stopped=True), state(50), state(5, stopped=True)][::order]:
        those.remember(
            State(*(getattr(one, name) for name in one.__struct_fields__[:-1]), b"\x81\xa1r" + bytes([one.requests]))
        )
    assert get(those).loaded == {"r": 10}


def test_a_damaged_state_is_none() -> None:
    those = learners()
    those.remember(state(1, learned=b"\xc1"))
    assert get(those).loaded is None
    assert those.refused == 1
    with pytest.raises(ValueError, match=r"."):
        state_of(b"\x90")


def test_their_number_is_bounded() -> None:
    those = learners()
    for number in range(MOST_VERIFIERS + 3):
        get(those, str(number))
        those.remember(State(str(number), "v", "w", 1.0, 1, False, b"\x80"))
    assert len(list(those)) == MOST_VERIFIERS
