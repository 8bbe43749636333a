"""One theatre for all scenes that are tried: servers and a gateway take seconds to start."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from penstock.demo.programme import scene
from penstock.demo.telling import Fact, Teller
from penstock.demo.theatre import Theatre

Played = Callable[[str], list[Fact]]


@pytest.fixture(scope="session")
def theatre() -> Iterator[tuple[Theatre, Callable[[Coroutine[Any, Any, Any]], Any]]]:
    """It, and what runs a coroutine on its loop."""
    with asyncio.Runner() as runner:
        stage = Theatre(fast=True)
        try:
            runner.run(stage.open())
            yield stage, runner.run
        finally:
            runner.run(stage.close())


@pytest.fixture
def played(theatre: tuple[Theatre, Callable[[Coroutine[Any, Any, Any]], Any]]) -> Played:
    """Plays a scene and gives its facts."""
    stage, run = theatre

    def play(name: str) -> list[Fact]:
        tell = Teller(lambda _: None, lambda text, _: text)
        run(scene(name).play(stage, tell))
        return tell.facts

    return play
