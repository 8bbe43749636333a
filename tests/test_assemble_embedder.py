"""The embedder by its name, and its weights by one call."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from penstock import assemble_embedder
from penstock.assemble_embedder import IN_PROCESS, WeightsError, embedder, install_weights, served_embedder
from penstock.cache.embedding.embedder import Model, Served
from penstock.cache.embedding.service import Inline, Threaded
from penstock.core.tasks import Crew
from tests.support.answering import DIMENSIONS, Answering
from tests.support.semantic_gateway import WHERE, gateway, main, memory, say, until


@pytest.mark.semantic
@pytest.mark.parametrize(("name", "kind", "dimensions"), [("minilm", Threaded, 384), ("static", Inline, 256)])
def test_those_of_this_process_embed(name: str, kind: type, dimensions: int) -> None:
    assert name in IN_PROCESS
    made = embedder(name)
    assert isinstance(made, kind)
    assert made.dimensions == dimensions
    vector = asyncio.run(made.embed("How are you?"))
    assert vector is not None
    assert vector.shape == (dimensions,)
    made.close()


@pytest.mark.semantic
def test_a_reload_loads_another_on_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    load = assemble_embedder.load

    def noted(*given: Any) -> Model:
        threads.append(threading.current_thread())
        return load(*given)

    monkeypatch.setattr(assemble_embedder, "load", noted)

    async def work(up: Answering) -> None:
        async with gateway(up) as one:
            text = one.path.read_text()
            one.path.write_text(text.replace(f"'upstream:e', dimensions: {DIMENSIONS}", "static"))
            assert (await one.team.reload())["ok"]
            assert memory(one).embedder.name == "static"
            await until(lambda: memory(one).ready)
            await say(one, WHERE)
            await until(lambda: len(memory(one).space) == 1)

    main(work)
    (thread,) = threads
    assert thread is not threading.main_thread()


def test_a_server_is_asked() -> None:
    async def ask(texts: list[str]) -> list[list[float]]:
        return [[0.0, 2.0]] * len(texts)

    async def scenario() -> None:
        made = served_embedder(ask, Crew("test"), Served("upstream", "u-1", 2, 100))
        vector = await made.embed("hello")
        assert vector is not None
        assert vector.tolist() == [0.0, 1.0]
        assert (made.name, made.version, made.dimensions, made.window) == ("upstream", "u-1", 2, 100)

    asyncio.run(scenario())


def test_weights_that_are_here_are_not_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[str] = []

    def here(weights: object, env: object) -> Path:
        if not made:
            raise WeightsError("not here")
        return tmp_path

    def make(weights: object, env: object, progress: object) -> Path:
        made.append("once")
        return tmp_path

    monkeypatch.setattr(assemble_embedder, "find", here)
    monkeypatch.setattr(assemble_embedder, "install", make)
    assert install_weights("minilm") == install_weights("minilm") == tmp_path
    assert made == ["once"]
