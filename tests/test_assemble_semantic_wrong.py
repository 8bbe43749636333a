"""A semantic cache that errs, or whose embedder is ill, in running gateways over real sockets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from tests.support.answering import Answering
from tests.support.gateway import Running, ask
from tests.support.semantic_gateway import ALIKE, WHERE, gateway, main, memory, result, say, status, until

CITIES = ("bern", "basel", "zurich", "geneva", "lugano", "chur", "thun", "zug", "aarau", "olten", "sion", "morges")


def office(era: list[str]) -> Callable[[str], str]:
    """Every city has one office; where it is changes with the era."""
    return lambda text: f"The office in {next(city for city in CITIES if city in text)} {era[0]}."


def test_the_bound_ends_hits_when_too_many_are_found_wrong_and_says_so() -> None:
    era = ["is at the main square, near the river"]

    async def work(up: Answering) -> None:
        async with gateway(up, ", shadow: 1, checks: 100") as one:
            for polite in ("", " please", " kindly"):  # it learns that such questions are the same
                for city in CITIES:
                    await say(one, f"where is the office of the bank in {city}{polite}")
            kept = memory(one)
            before = sum(kept.tally.lookups.values())
            era[0] = "has moved 17 km away, out of the town"
            up.chats_go.clear()  # no check comes back before all were answered from the cache
            asking = [
                asyncio.ensure_future(say(one, f"where is the office of the bank in {city}{polite}"))
                for polite in ("?", ", tell me")
                for city in CITIES
            ]
            await until(lambda: sum(kept.tally.lookups.values()) == before + len(asking))
            up.chats_go.set()
            await asyncio.gather(*asking)
            await until(lambda: sum(kept.tally.shadows.values()) and not running_checks(one))
            assert kept.tally.shadows["wrong"] >= 3
            seen = await status(one)
            (row,) = seen["bounds"]
            assert row["in_words"].startswith("Hits have ended: ")
            assert row["stops"] == 1
            assert row["low"] > 0.01
            answer, text = await say(one, "where is the office of the bank in bern!")
            assert (result(answer), "17 km" in text) == ("miss", True)
            assert kept.tally.lookups["miss", "stopped"] + kept.tally.lookups["miss", "budget"] >= 1
            rows = (await ask(one.port, "GET", "/admin/v1/journal?last=1000")).json()["rows"]
            assert any(".shadow" in row["id"] and row["tokens_in"] for row in rows), "what checks use is told, too"
            page = (await ask(one.port, "GET", "/metrics")).body.decode()
            assert 'penstock_semantic_stopped{model="m"} 1' in page

    random.seed(5)
    main(work, Answering(office(era)))


def running_checks(one: Running) -> int:
    return sum("shadow check" in task.get_name() for task in asyncio.all_tasks())


def test_a_group_that_is_found_wrong_again_and_again_leaves_the_cache() -> None:
    said = ["It is at the main square of the town."]

    async def work(up: Answering) -> None:
        async with gateway(up, ", shadow: 1, checks: 100, max_error: 0.5") as one:
            await say(one, WHERE)
            await until(lambda: len(memory(one).space) == 1)
            said[0] = "No, 12 km away."
            up.chats_go.clear()
            for _ in range(16):
                await say(one, ALIKE)
            up.chats_go.set()
            kept = memory(one)
            await until(lambda: sum(kept.tally.shadows.values()) >= 3 and not running_checks(one))
            assert kept.tally.shadows["wrong"] >= 3
            assert kept.tally.removed == 1
            assert one.gateway.caching is not None
            assert one.gateway.caching.shelf.directory.evicted["wrong"] == 1

    random.seed(5)
    main(work, Answering(lambda text: said[0]))


@pytest.mark.parametrize("ill", ["hangs", "short", "nan", "gone"])
def test_an_ill_embedder_never_breaks_a_call(ill: str) -> None:
    async def work(up: Answering) -> None:
        async with gateway(up, patience="20ms") as one:
            if ill == "hangs":
                up.vectors_go.clear()
            elif ill == "gone":
                del up.answers["/v1/embeddings"]
            else:
                up.vector = lambda text: [1.0] * 3 if ill == "short" else ["x"] * 64
            for number in range(12):
                answer, text = await say(one, f"{WHERE} {number}", temperature=0)
                assert (result(answer), text) == ("miss", f"answer to {WHERE} {number}")
            assert result((await say(one, f"{WHERE} 3", temperature=0))[0]) == "hit-exact"
            kept = memory(one)
            assert kept.tally.lookups["hit", "verified"] == 0
            assert kept.tally.lookups["ineligible", "ill"] > 0 or kept.tally.lookups["miss", "vectorless"] > 0
            up.vectors_go.set()

    main(work)
