"""Calls that wait for seats through a whole gateway, on real sockets: who is served, who is refused, who is told."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from penstock.assemble_keys import key_store
from penstock.process.loop import run
from tests.support.gateway import Running, ask, running_gateway
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.slow_upstream import SlowUpstream
from tests.support.sockets import Answer

CHAT = "/v1/chat/completions"
CONFIG = """
{auth}
scrape: {{enabled: false}}
health: {{probes: "off"}}
cache: {{exact: {{enabled: false}}}}
coalesce: {{enabled: false}}
upstreams: {{up: {{kind: vllm, base_url: "{url}"{limit}}}}}
models: {{m: {{upstreams: [up]}}}}
"""
OPEN = "auth: {mode: open}"
TWO = ", max_in_flight: 2"


def config(up: ScriptedUpstream, more: str = "", limit: str = TWO, auth: str = OPEN) -> str:
    return CONFIG.format(url=up.url, limit=limit, auth=auth) + more


@contextlib.asynccontextmanager
async def serving(
    more: str = "", limit: str = TWO, auth: str = OPEN, *, first: bool = False
) -> AsyncIterator[tuple[Running, SlowUpstream, ScriptedUpstream]]:
    slow = SlowUpstream(first=first)
    with ScriptedUpstream() as up:
        up.answers[CHAT] = slow
        async with running_gateway(config(up, more, limit, auth)) as gateway:
            try:
                yield gateway, slow, up
            finally:
                slow.freely.set()


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
            await asyncio.sleep(0.005)


def body(said: str, stream: bool = False) -> dict[str, Any]:
    return {"model": "m", "stream": stream, "messages": [{"role": "user", "content": said}]}


def chat(
    gateway: Running, said: str, priority: str = "normal", *fields: tuple[str, str], stream: bool = False
) -> "asyncio.Future[Answer]":
    headers = [("x-penstock-priority", priority), *fields]
    return asyncio.ensure_future(ask(gateway.port, "POST", CHAT, headers, body(said, stream), within=15))


def numbers(gateway: Running) -> dict[str, Any]:
    made = gateway.gateway.admitting
    assert made is not None
    return made.dump()


def waiting(gateway: Running, where: str = "upstream") -> int:
    return sum(numbers(gateway)["queues"][where]["waiting"].values())


async def fill(gateway: Running, slow: SlowUpstream, priority: str = "normal", count: int = 2) -> list[Any]:
    """Take ``count`` seats."""
    calls = []
    for number in range(count):
        calls.append(chat(gateway, f"first {number}", priority))
        await until(lambda: len(slow.calls) == len(calls))
    return calls


async def queue(gateway: Running, *wanted: tuple[str, str], where: str = "upstream") -> list[Any]:
    """Calls that wait, one after the other: what each says, its class."""
    calls = []
    for said, priority in wanted:
        before = waiting(gateway, where)
        calls.append(chat(gateway, said, priority))
        await until(lambda: waiting(gateway, where) == before + 1)  # noqa: B023 - awaited at once
    return calls


async def drained(slow: SlowUpstream, total: int) -> None:
    """Let calls end one at a time, until ``total`` have come."""
    for number in range(total):
        await until(lambda: len(slow.calls) > number)  # noqa: B023 - awaited at once
        came = min(number + 3, total)
        slow.calls[number].go.set()
        await until(lambda: len(slow.calls) >= came)  # noqa: B023 - as above


async def settled(gateway: Running) -> None:
    """Nothing is left: nobody waits, no seat is taken, no call in flight."""
    await until(lambda: not gateway.gateway.server.open)
    told = numbers(gateway)
    assert told["door"][0] == 0
    assert [taken for _, taken, _ in told["upstreams"]] == [0] * len(told["upstreams"])
    assert (waiting(gateway), waiting(gateway, "door")) == (0, 0)
    overload = gateway.gateway.overload
    assert (overload.in_flight, overload.waiting) == (0, 0)
    assert gateway.gateway.endpoint.generation.in_flight == 0


def refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.json()["error"]["code"]) == (status, code)
    assert 1 <= int(answer.headers["retry-after"]) <= 180


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
            async with asyncio.timeout(10):  # until the gateway has read the key file again
                while (await ask(gateway.port, "GET", "/v1/models", [theirs])).status != 200:
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
            calls = [chat(gateway, f"second {number}") for number in range(2)]
            await until(lambda: len(slow.calls) == 4)
            calls += await queue(gateway, ("a", "normal"), ("b", "normal"))
            began = time.monotonic()
            answer = await chat(gateway, "late", "normal", ("x-penstock-deadline-ms", "200"))
            assert time.monotonic() - began < 0.19
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


def test_more_seats_by_a_reload_let_those_that_wait_go_on() -> None:
    async def main() -> None:
        async with serving() as (gateway, slow, up):
            calls = await fill(gateway, slow)
            calls += await queue(gateway, *((f"w{number}", "normal") for number in range(3)))
            gateway.path.write_text(config(up, limit=", max_in_flight: 4"))
            await gateway.team.reload()
            await until(lambda: len(slow.calls) == 4)
            assert waiting(gateway) == 1
            gateway.path.write_text(config(up, limit=""))
            await gateway.team.reload()
            await until(lambda: len(slow.calls) == 5)
            slow.freely.set()
            assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 5
            await settled(gateway)

    run(main())


def test_an_upstream_that_is_taken_out_by_a_reload_still_serves_those_that_wait_or_tells_them() -> None:
    async def main() -> None:
        async with serving() as (gateway, slow, up):
            calls = await fill(gateway, slow)
            calls += await queue(gateway, ("w", "normal"))
            gateway.path.write_text(
                config(up).replace("upstreams: {up:", "upstreams: {other:").replace("[up]", "[other]")
            )
            await gateway.team.reload()
            slow.freely.set()
            assert [answer.status for answer in await asyncio.gather(*calls[:2])] == [200, 200]
            assert (await calls[2]).status in (200, 503)
            assert (await chat(gateway, "new")).status == 200
            await settled(gateway)

    run(main())


def test_when_the_upstream_dies_those_that_wait_for_it_go_to_the_fallback() -> None:
    more = "retries: {max: 0}\n"

    async def main() -> None:
        spare = SlowUpstream()
        spare.freely.set()
        with ScriptedUpstream() as second:
            second.answers[CHAT] = spare
            async with serving() as (gateway, slow, up):
                text = config(up, more).replace(
                    "models: {m: {upstreams: [up]}}",
                    "models: {m: {upstreams: [up], fallbacks: [n]}, n: {upstreams: [spare]}}",
                )
                text = text.replace(
                    "upstreams: {up:", f'upstreams: {{spare: {{kind: vllm, base_url: "{second.url}"}}, up:'
                )
                gateway.path.write_text(text)
                await gateway.team.reload()
                calls = await fill(gateway, slow)
                calls += await queue(gateway, ("w0", "normal"), ("w1", "low"))
                slow.calls[0].dies = slow.calls[1].dies = True
                slow.calls[0].go.set()
                slow.calls[1].go.set()
                await until(lambda: len(spare.calls) >= 2)
                for call in slow.calls:
                    call.dies = True
                slow.freely.set()
                answers = await asyncio.gather(*calls)
                assert [answer.status for answer in answers] == [200] * 4
                await settled(gateway)

    run(main())


def test_when_the_upstream_dies_and_there_is_no_other_nobody_hangs() -> None:
    async def main() -> None:
        async with serving("retries: {max: 0}\nadmission: {max_wait: 3s}\n") as (gateway, slow, _):
            calls = await fill(gateway, slow)
            calls += await queue(gateway, *((f"w{number}", "normal") for number in range(8)))
            dead = 0
            while not all(call.done() for call in calls):
                for call in slow.calls[dead:]:
                    call.dies = True
                    call.go.set()
                    dead += 1
                await asyncio.sleep(0.005)
            answers = await asyncio.gather(*calls)
            assert {answer.status for answer in answers} <= {502, 503}
            assert len(slow.calls) < 10  # it was left alone after some
            await settled(gateway)

    run(main())


def test_a_gateway_that_drains_serves_those_that_wait_or_tells_them() -> None:
    async def main() -> None:
        async with serving() as (gateway, slow, _):
            calls = await fill(gateway, slow)
            calls += await queue(gateway, ("w0", "normal"), ("w1", "normal"))
            drain = asyncio.ensure_future(gateway.gateway.drain(0.5))
            slow.calls[0].go.set()
            await until(lambda: "w0" in slow.said)
            slow.calls[2].go.set()
            await until(lambda: len(slow.calls) == 4)
            answers = await asyncio.gather(calls[0], calls[2])
            assert [answer.status for answer in answers] == [200, 200]
            await drain
            told = await asyncio.gather(calls[1], calls[3])
            assert [answer.status for answer in told] == [503, 503]
            assert {answer.json()["error"]["code"] for answer in told} == {"gateway_stopping"}
            await settled(gateway)

    run(main())


def test_hedging_and_retries_keep_the_count_of_seats() -> None:
    more = "hedge: {enabled: true}\nretries: {max: 2}\n"

    async def main() -> None:
        async with serving(more) as (gateway, slow, up):
            text = config(up, more).replace("[up]", "[up, two]")
            text = text.replace(
                "upstreams: {up:", f'upstreams: {{two: {{kind: vllm, base_url: "{up.url}", max_in_flight: 2}}, up:'
            )
            gateway.path.write_text(text)
            await gateway.team.reload()
            calls = [
                chat(gateway, str(number), ("high", "normal", "low")[number % 3], stream=number % 2 == 0)
                for number in range(30)
            ]
            over = most = 0
            while not all(call.done() for call in calls):
                most = max(most, *(taken - limit for _, taken, limit in numbers(gateway)["upstreams"]))
                for call in slow.calls[over:]:
                    call.dies = over % 7 == 3
                    call.go.set()
                    over += 1
                await asyncio.sleep(0.005)
            answers = await asyncio.gather(*calls)
            assert {answer.status for answer in answers} <= {200, 502, 503}
            assert sum(answer.status == 200 for answer in answers) >= 25
            assert most <= 0
            await settled(gateway)

    run(main())


def test_an_adaptive_limit_serves() -> None:
    async def main() -> None:
        async with serving("admission: {limit: adaptive}\n", limit=", max_in_flight: adaptive") as (gateway, slow, _):
            slow.freely.set()
            calls = [chat(gateway, str(number), stream=number % 2 == 0) for number in range(60)]
            assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 60
            ((_, taken, limit),) = numbers(gateway)["upstreams"]
            assert taken <= 1
            assert limit >= 1
            await settled(gateway)

    run(main())
