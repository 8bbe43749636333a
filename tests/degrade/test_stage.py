"""Who is given less, what rooms below see of it, and what is told."""

import asyncio
import json
from typing import Any

from penstock.core.call import Call
from penstock.core.exchange import Exchange
from penstock.core.priority import HIGH
from penstock.core.reply import Reply
from penstock.degrade.config import StepConfig
from penstock.degrade.counts import Counts
from penstock.degrade.ladder import Ladder
from penstock.degrade.stage import Degrade, Lessen
from tests.support.caching import exchange

STEPS = [StepConfig(at=1.0, max_tokens=64), StepConfig(at=1.0, model="mini"), StepConfig(at=1.0, cache_ttl=60.0)]


class Rig:
    """Both rooms, and what came out below them."""

    def __init__(self, steps: list[StepConfig] | None = None, fits: bool = True) -> None:
        self.load = 2.0
        self.counts = Counts()
        ladder = Ladder(STEPS if steps is None else steps)
        self.degrade = Degrade(ladder, lambda: self.load, lambda: 0, lambda: 0.0, self.counts)
        self.lessen = Lessen(lambda call, model: fits)
        self.seen: list[Call] = []

    async def below(self, one: Exchange) -> Reply:
        self.seen.append(one.call)
        return Reply(200, [], b"{}")

    def ask(self, one: Exchange) -> Any:
        async def main() -> None:
            await self.degrade(one, lambda here: self.lessen(here, self.below))

        asyncio.run(main())
        one.finish("ok", 1.0)
        return json.loads(self.seen[-1].body)


def test_under_load_less_is_asked_for_and_said() -> None:
    rig, one = Rig(), exchange()
    own = one.call
    one.asked = object()
    sent = rig.ask(one)
    assert (sent["max_tokens"], sent["model"]) == (64, "mini")
    assert one.degraded == "max_tokens=64, model=mini"
    assert one.stale == 60.0
    assert one.asked is None  # what told equal calls was of the call as it came
    assert own.model == "m"
    assert rig.counts.dump()["calls"] == [["max_tokens", "normal", 1], ["model", "normal", 1]]


def test_without_load_nothing_is_touched() -> None:
    rig, one = Rig(), exchange()
    rig.load = 0.5
    call, one.asked = one.call, object()
    rig.ask(one)
    assert one.call is call
    assert one.asked is not None
    assert (one.degraded, one.stale, one.relief) == ("", 0.0, None)


def test_the_high_class_is_spared_unless_a_step_names_it() -> None:
    rig, one = Rig(), exchange()
    one.priority = HIGH
    rig.ask(one)
    assert one.degraded == ""
    rig, one = Rig([StepConfig(at=1.0, max_tokens=64, classes=["high"])]), exchange()
    one.priority = HIGH
    rig.ask(one)
    assert one.degraded == "max_tokens=64"


def test_a_caller_may_want_all_or_nothing() -> None:
    rig, one = Rig(), exchange(headers=[(b"x-penstock-degrade", b" No ")])
    rig.ask(one)
    assert one.degraded == ""
    assert rig.counts.opted_out == 1


def test_a_model_that_lacks_something_does_not_take_over() -> None:
    rig, one = Rig(fits=False), exchange()
    assert rig.ask(one)["model"] == "m"
    assert one.degraded == "max_tokens=64"


def test_a_call_that_nothing_tells_equal_stays_so() -> None:
    rig, one = Rig(), exchange()
    one.asked = False
    rig.ask(one)
    assert one.asked is False


def test_calls_made_in_between_are_served_whole() -> None:
    rig, one = Rig(), exchange()

    async def main() -> None:
        async def between(here: Exchange) -> Reply:
            shadow = here.fork("shadow")
            await self_lessen(shadow, rig.below)
            assert shadow.degraded == ""
            return await self_lessen(here, rig.below)

        self_lessen = rig.lessen
        await rig.degrade(one, between)

    asyncio.run(main())
    assert [json.loads(call.body)["model"] for call in rig.seen] == ["m", "mini"]
