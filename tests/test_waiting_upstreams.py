"""Calls that wait through a whole gateway while its upstreams change, die, or are to be spared."""

import asyncio

from penstock.process.loop import run
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.slow_gateway import (
    CHAT,
    TWO,
    chat,
    config,
    fill,
    numbers,
    queue,
    serving,
    settled,
    until,
    waiting,
)
from tests.support.slow_upstream import SlowUpstream


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


def test_those_that_wait_go_to_an_upstream_that_came_since_before_who_comes_later() -> None:
    async def main() -> None:
        fresh = SlowUpstream()
        with ScriptedUpstream() as second:
            second.answers[CHAT] = fresh
            async with serving() as (gateway, slow, up):
                calls = await fill(gateway, slow)
                calls += await queue(gateway, *((f"w{number}", "normal") for number in range(4)))
                text = config(up).replace("[up]", "[up, fresh]").replace(
                    "upstreams: {up:", f'upstreams: {{fresh: {{kind: vllm, base_url: "{second.url}"{TWO}}}, up:'
                )  # fmt: skip
                gateway.path.write_text(text)
                await gateway.team.reload()
                await until(lambda: len(fresh.calls) == 2)
                assert sorted(fresh.said) == ["w0", "w1"]
                assert waiting(gateway) == 2
                calls += await queue(gateway, ("late", "normal"))
                fresh.freely.set()
                slow.freely.set()
                assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 7
                await until(lambda: gateway.gateway.in_flight() == 0)
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
            drain = asyncio.ensure_future(gateway.gateway.drain(60.0))
            slow.calls[0].go.set()
            await until(lambda: "w0" in slow.said)
            slow.calls[2].go.set()
            await until(lambda: len(slow.calls) == 4)
            answers = await asyncio.gather(calls[0], calls[2])
            assert [answer.status for answer in answers] == [200, 200]
            await gateway.gateway.drain(0.0)  # who asks again may hurry it
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
            ((_, _, limit),) = numbers(gateway)["upstreams"]
            await until(lambda: numbers(gateway)["upstreams"][0][1] <= 1)
            assert limit >= 1
            await settled(gateway)

    run(main())
