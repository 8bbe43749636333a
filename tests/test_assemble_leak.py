import asyncio

import pytest

from tests.support.gateway import OPEN_ECHO, running_gateway
from tests.support.load import Kept, chat

MORE = OPEN_ECHO + "memory: {leak: {every: 100ms, window: 1s, factor: 1.5}, collector: {every: 5s}}\n"


def test_the_worker_tells_what_it_holds_and_traces() -> None:
    async def main() -> None:
        async with running_gateway(MORE) as gateway:
            caller = await Kept.dial(gateway.port)
            for _ in range(3):
                assert (await caller.ask(chat("echo", keep=True))).status == 200
            tending = gateway.gateway.tending
            readings = tending.readings()
            assert readings["memory"].calls == 3
            assert readings["memory"].value > readings["memory"].explained > 0
            assert readings["calls"].value == 0
            assert readings["account bodies"].value == 0
            assert tending.watch.config.factor == 1.5
            assert tending.collecting.policy.config.every == 5
            (answer,) = await gateway.team.trace_memory({"seconds": 0.3, "top": 3})
            assert answer["ok"]
            assert answer["rss"] > 0
            assert "bodies" in answer["accounts"]
            assert answer["trace"]["seconds"] >= 0.3
            first = asyncio.ensure_future(gateway.team.trace_memory({"seconds": 30, "top": 3}))
            await asyncio.sleep(0.01)
            (refused,) = await gateway.team.trace_memory({"seconds": 0.5, "top": 3})
            assert not refused["ok"]
            assert "already" in refused["problems"][0]
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            (untraced,) = await gateway.team.trace_memory({"seconds": 0, "top": 3})
            assert untraced["trace"] is None
            caller.writer.close()

    asyncio.run(main())


def test_caches_give_up_what_they_hold_and_may_fill_again() -> None:
    async def main() -> None:
        async with running_gateway(MORE) as gateway:
            caller = await Kept.dial(gateway.port)
            for number in range(20):
                assert (await caller.ask(chat("echo", keep=True, words=number + 1, temperature=0))).status == 200
            account = gateway.gateway.ledger.accounts["cache"]
            bound = account.bound
            assert gateway.gateway.tending.give_up() >= 0
            assert account.bound == bound
            caller.writer.close()

    asyncio.run(main())


def test_a_reload_follows_and_has_the_frozen_looked_at() -> None:
    async def main() -> None:
        async with running_gateway(MORE) as gateway:
            gateway.path.write_text(MORE.replace("factor: 1.5", "factor: 1.7"))
            assert (await gateway.team.reload())["ok"]
            tending = gateway.gateway.tending
            assert tending.watch.config.factor == 1.7
            async with asyncio.timeout(20):
                while not tending.collecting.made["deep"]:  # noqa: ASYNC110 - it has no event of its own
                    await asyncio.sleep(0.05)

    asyncio.run(main())
