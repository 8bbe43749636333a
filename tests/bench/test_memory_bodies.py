"""The storm of the bench, small: under a limit that holds a few bodies each call is served or told to come back."""

import argparse

import pytest

from bench import memory_bodies
from penstock.process.loop import run

LIMIT_MIB = 192
"""A process takes some 60 MiB beside bodies: of 128 it once took 10.4 % more than it may."""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_bodies, "HOLD", 0.3)


def test_more_than_fits_is_served_or_refused_and_never_passes_the_limit() -> None:
    told = run(memory_bodies.measured(argparse.Namespace(limit=LIMIT_MIB, bodies=200, burst=20)))
    storm, burst = told["storm"], told["burst"]
    assert isinstance(storm, dict)
    assert isinstance(burst, dict)
    assert storm["neither"] == 0
    assert storm["served"] > 10
    assert storm["refused"] > 50
    assert storm["most_of_limit"] <= 1.1
    assert storm["served_again_after_s"] < 5
    assert burst["outcomes"] == {"200": 20}
    assert burst["fell_back_after_s"] < 60
