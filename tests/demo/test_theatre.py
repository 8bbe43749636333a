import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from penstock.demo.asking import ask
from penstock.demo.server.service import Costs
from penstock.demo.theatre import ModelServer, Theatre, TheatreError, free_port


def test_what_it_started_answers_and_counts(
    theatre: tuple[Theatre, Callable[[Coroutine[Any, Any, Any]], Any]],
) -> None:
    stage, run = theatre

    async def play() -> None:
        await stage.start_gateway()
        assert await stage.start_gateway() == 0.0, "it is there"
        before = await stage.servers[0].asked()
        assert (await ask(stage.door, "POST", "/v1/embeddings", {"model": "embed", "input": "x"})).well
        assert await stage.servers[0].asked() == before + 1
        assert await stage.metric("penstock_cache_ready") == 1
        await stage.until("penstock_cache_ready")

    run(play())


def test_a_server_that_does_not_start_is_told_with_its_last_words() -> None:
    async def play() -> None:
        wrong = ModelServer("wrong", Costs())
        wrong.costs.slots = "many"  # type: ignore[assignment]
        await wrong.start()
        with pytest.raises(TheatreError, match=r"the model server wrong did not start on port .*many"):
            await wrong.until_it_answers()

    asyncio.run(play())


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(TheatreError, match=f"port {port} is taken"):
            asyncio.run(Theatre(port=port).open())


def test_ports_differ() -> None:
    assert free_port() != free_port()
