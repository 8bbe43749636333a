"""Calls that wait for seats through a whole gateway, on real sockets: who is served, who is refused."""

import asyncio
import os
import time

import pytest

from penstock.assemble_keys import key_store
from penstock.process.loop import run
from tests.support.gateway import ask
from tests.support.slow_gateway import (
    chat,
    drained,
    fill,
    numbers,
    queue,
    refused,
    serving,
    settled,
    until,
    waiting,
)


def test_the_better_class_is_served_first_and_each_is_told_how_it_waited() -> None:
    async def main() -> None:
        async with serving() as (gateway, slow, _):
            calls = await fill(gateway, slow)
            order = [("d", "batch"), ("c", "low"), ("b", "normal"), ("a", "high")]
            calls += await queue(gateway, *order)
            shown = await ask(gateway.port, "GET", "/admin/v1/admission")
            (row,) = shown.json()["workers"]
            assert row["upstreams"] == [["up", 2, 2]]
            assert row["queues"]["upstream"]["waiting"] == {"high": 1, "normal": 1, "low": 1, "batch": 1}
            assert row["load"] == 3.0
            await drained(slow, 6)
            answers = await asyncio.gather(*calls)
            assert slow.said[2:] == ["a", "b", "c", "d"]
            assert slow.most == 2
            assert [answer.status for answer in answers] == [200] * 6
            assert ["x-penstock-queue-position" in answer.headers for answer in answers] == [False] * 2 + [True] * 4
            # Each was the best of those that waited when it came.
            assert [answer.headers["x-penstock-queue-position"] for answer in answers[2:]] == ["1"] * 4
            assert all(float(answer.headers["x-penstock-queue-ms"]) > 0 for answer in answers[2:])
            page = await gateway.team.metrics()
            assert 'penstock_admission_seats{place="up"} 2\n' in page or "penstock_admission_seats" in page
            await settled(gateway)

    run(main())


def test_a_key_that_asks_much_does_not_keep_others_from_their_share() -> None:
    async def main() -> None:
        async with serving(auth="") as (gateway, slow, _):
            store = key_store(gateway.gateway.config, os.environ)
            store.open()
            _, other = store.add("other", ["call"])
            mine, theirs = gateway.bearer, ("Authorization", f"Bearer {other}")
            async with asyncio.timeout(30):  # until the gateway has read the key file again
                while (await ask(gateway.port, "GET", "/v1/models", [theirs])).status != 200:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.05)
            calls = [chat(gateway, f"f{number}", "normal", mine) for number in range(2)]
            await until(lambda: len(slow.calls) == 2)
            for number in range(6):
                calls.append(chat(gateway, f"m{number}", "normal", mine))
                await until(lambda: waiting(gateway) == number + 1)  # noqa: B023 - awaited at once
            for number in range(3):
                calls.append(chat(gateway, f"t{number}", "high", theirs))  # whose key may ask for no more than normal
                await until(lambda: waiting(gateway) == 7 + number)  # noqa: B023 - as above
            await drained(slow, 11)
            assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 11
            got = slow.said[2:8]
            assert sum(said.startswith("t") for said in got) == 3, got
            await settled(gateway)

    run(main())


def test_what_would_come_too_late_is_refused_at_once() -> None:
    async def main() -> None:
        async with serving() as (gateway, slow, _):
            # How long seats are held is known from these.
            first = await fill(gateway, slow)
            await asyncio.sleep(0.3)
            for call in slow.calls:
                call.go.set()
            await asyncio.gather(*first)
            made = gateway.gateway.admitting
            assert made is not None
            (up,) = [place for place in made._places if place.name == "up"]
            assert up.hold >= 0.3
            up.hold = up.quick = 12.0  # a deadline that is too short for that is far enough away all the same
            calls = [chat(gateway, f"second {number}") for number in range(2)]
            await until(lambda: len(slow.calls) == 4)
            calls += await queue(gateway, ("a", "normal"), ("b", "normal"))
            began = time.monotonic()
            answer = await chat(gateway, "late", "normal", ("x-penstock-deadline-ms", "6000"))
            assert time.monotonic() - began < 5.9
            refused(answer, 503, "queue_late")
            slow.freely.set()
            assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 4
            assert "late" not in slow.said
            await settled(gateway)

    run(main())


def test_a_key_has_no_more_calls_waiting_than_it_may() -> None:
    async def main() -> None:
        async with serving("admission: {queue: {calls: 10, per_key: 1}}\n") as (gateway, slow, _):
            calls = await fill(gateway, slow)
            calls += await queue(gateway, ("one", "normal"))
            refused(await chat(gateway, "two"), 429, "queue_share")
            slow.freely.set()
            assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 3
            await settled(gateway)

    run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_a_low_call_gives_its_seat_to_a_high_one_and_is_served_once_later(stream: bool) -> None:
    async def main() -> None:
        async with serving() as (gateway, slow, _):
            calls = [chat(gateway, "low 0", "low", stream=stream)]
            await until(lambda: len(slow.calls) == 1)
            calls.append(chat(gateway, "low 1", "low", stream=stream))
            await until(lambda: len(slow.calls) == 2)
            high = chat(gateway, "high", "high", stream=stream)
            await until(lambda: "high" in slow.said)
            await until(lambda: slow.running == 2)  # the upstream has heard that one of them is gone
            assert numbers(gateway)["preempted"]["low"] == 1
            slow.calls[slow.said.index("high")].go.set()
            assert (await high).status == 200
            await until(lambda: len(slow.calls) == 4)
            assert slow.said[3] == "low 1"  # which had begun last
            slow.freely.set()
            answers = await asyncio.gather(*calls)
            assert [answer.status for answer in answers] == [200, 200]
            assert [answer.body.count(b"[DONE]" if stream else b'"content": "hi"') for answer in answers] == [1, 1]
            assert len(slow.calls) == 4
            await settled(gateway)

    run(main())


def test_a_call_whose_answer_has_begun_keeps_its_seat() -> None:
    async def main() -> None:
        async with serving(first=True) as (gateway, slow, _):
            calls = [chat(gateway, f"low {number}", "low", stream=True) for number in range(2)]
            await until(lambda: len(slow.calls) == 2)
            made = gateway.gateway.admitting
            assert made is not None
            await until(lambda: not any(place.yielding for place in made._places))
            calls += await queue(gateway, ("high", "high"))
            assert numbers(gateway)["preempted"]["low"] == 0
            slow.freely.set()
            assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 3
            assert sorted(slow.said) == ["high", "low 0", "low 1"]
            await settled(gateway)

    run(main())
