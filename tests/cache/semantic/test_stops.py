"""Stops of the bound, said once each."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from penstock.cache.semantic.stops import Stops
from tests.support.matching import Room, Scripted


def test_an_end_and_a_return_are_said_once_each(caplog: pytest.LogCaptureFixture) -> None:
    stops, verifier = Stops(), Scripted()
    given: Any = verifier
    with caplog.at_level(logging.WARNING):
        stops.look("m", given, b"\xab" * 16)
        assert not caplog.records
        verifier.stopped = "too many"
        for _ in range(3):
            stops.look("m", given, b"\xab" * 16)
        said = [record.getMessage() for record in caplog.records]
        assert said == [
            "semantic hits have ended for model m: too many",
            "semantic hits have ended for model m, partition abababababab: too many",
        ]
        verifier.stopped = ""
        stops.look("m", given, b"\xab" * 16)
        assert len(caplog.records) == 4
    assert repr(stops) == "<Stops 0>"


def test_a_check_that_ends_hits_says_so(caplog: pytest.LogCaptureFixture) -> None:
    room = Room()
    room.ask("where is the office of the bank in Bern")
    room.verifier.kind = "shadow"
    checked = room.verifier.checked

    def ends(*given: Any) -> Any:
        room.verifier.stopped = "too many"
        return checked(*given)

    room.verifier.checked = ends  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING):
        room.ask("where is the office of the bank in Bern please")
    assert "semantic hits have ended for model m" in caplog.text
