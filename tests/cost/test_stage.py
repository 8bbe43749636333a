import asyncio
from typing import Any

import pytest

from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.cost.pricing import Place, Pricing, Rules
from penstock.cost.rates import rates_of
from penstock.cost.stage import Cost
from tests.support.exchanges import finished


def running() -> Exchange:
    done = finished()
    body: Any = None
    return Exchange("req-1", done.call, 0.0, 10.0, body)


def room(refuses: bool = False) -> Cost:
    rules = Rules({}, {"up": Place(rates_of({"input": 3, "output": 15}))}, "refuse" if refuses else "zero")
    table: Any = None
    return Cost(Pricing(rules, table, lambda model: [("nowhere", model)], lambda *_: (), lambda: 0.0), refuses=refuses)


def test_what_was_registered_before_it_sees_the_cost_and_the_rooms_below_have_summed_up() -> None:
    seen: list[int] = []

    async def below(exchange: Exchange) -> Reply:
        exchange.model, exchange.upstream, exchange.upstream_model = "m", "up", "m"

        def use(one: Exchange) -> None:
            one.tokens_in = 10

        exchange.defer(use)
        return Reply(200, [], b"")

    async def main() -> None:
        exchange = running()
        exchange.defer(lambda one: seen.append(one.cost))
        await room()(exchange, below)
        exchange.finish("ok", 1.0)

    asyncio.run(main())
    assert seen == [30]


def test_a_call_of_unknown_price_is_refused_before_anything_is_asked() -> None:
    async def never(exchange: Exchange) -> Reply:
        raise AssertionError

    exchange = running()
    with pytest.raises(CallerError, match="nowhere"):
        room(refuses=True)(exchange, never)
    exchange.finish("error", 1.0)
    assert exchange.cost == 0


def test_a_call_without_a_model_is_none_of_an_unknown_price() -> None:
    async def below(exchange: Exchange) -> Reply:
        return Reply(200, [], b"")

    async def main() -> None:
        exchange = running()
        exchange.call.model = ""
        assert (await room(refuses=True)(exchange, below)).status == 200

    asyncio.run(main())
