import asyncio
from typing import Any

from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.grouping.stage import Grouping
from penstock.grouping.waiting import Group
from tests.support.flights import asking
from tests.support.grouped import chat


class Way:
    def __init__(self) -> None:
        self.groups: dict[Any, Group] = {1: Group("g", 1, 3.0)}
        self.entered: list[Exchange] = []

    async def __call__(self, exchange: Exchange, next: Any) -> Reply:
        self.entered.append(exchange)
        return await next(exchange)


def test_only_long_prompts_take_the_way() -> None:
    async def main() -> None:
        way = Way()
        stage = Grouping(way, 512, lambda: 5.0)
        below: list[Exchange] = []

        def next(exchange: Exchange) -> Reply:
            below.append(exchange)
            return Reply(200, [], b"{}")

        short, embeddings, long = chat(system="x"), asking("embeddings", input="x" * 1000), chat()
        for exchange in (short, embeddings, long):
            assert (await stage(exchange, next)).status == 200
        assert below == [short, embeddings, long]
        assert way.entered == [long]
        assert isinstance(stage(short, next), Reply)  # no coroutine where nothing is awaited
        assert stage.told() == [Group("g", 1, 3.0).told(5.0)]

    asyncio.run(main())
