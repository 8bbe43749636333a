import asyncio
from collections.abc import Sequence

import pytest

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.seldom import Seldom
from penstock.scaling.replica import Standing
from penstock.scaling.size import Size


class Counted:
    """An Actuator that counts its looks."""

    def __init__(self) -> None:
        self.looks = 0
        self.wanted = 1
        self.trouble = ""
        self.did: list[object] = []

    async def current(self) -> Standing:
        self.looks += 1
        if self.trouble:
            raise ActuatorError(self.trouble)
        return Standing(self.wanted)

    async def want(self, count: int, victims: Sequence[str] = ()) -> None:
        if self.trouble:
            raise ActuatorError(self.trouble)
        self.wanted = count
        self.did.append((count, *victims))

    async def drain(self, name: str, *, drained: bool) -> None:
        self.did.append((name, drained))

    async def resize(self, size: Size, *, dry_run: bool = False) -> Size:
        self.did.append((size, dry_run))
        return size

    async def aclose(self) -> None:
        self.did.append("closed")


def test_a_look_holds_for_an_interval_and_until_something_is_changed() -> None:
    async def main() -> None:
        inner, now = Counted(), [5.0]
        seldom = Seldom(inner, 10.0, lambda: now[0])
        assert (await seldom.current()).wanted == 1
        now[0] = 14.9
        await seldom.current()
        assert inner.looks == 1
        now[0] = 15.0
        await seldom.current()
        assert inner.looks == 2
        await seldom.want(3, ("a",))
        assert (await seldom.current()).wanted == 3
        await seldom.drain("b", drained=True)
        await seldom.current()
        assert inner.looks == 4
        assert await seldom.resize(Size(slots=4), dry_run=True) == Size(slots=4)
        await seldom.current()
        assert inner.looks == 5
        await seldom.aclose()
        assert inner.did == [(3, "a"), ("b", True), (Size(slots=4), True), "closed"]

    asyncio.run(main())


def test_what_failed_is_asked_again_at_once() -> None:
    async def main() -> None:
        inner = Counted()
        seldom = Seldom(inner, 10.0, lambda: 5.0)
        await seldom.current()
        inner.trouble = "away"
        with pytest.raises(ActuatorError):
            await seldom.want(3)
        for _ in range(2):
            with pytest.raises(ActuatorError):
                await seldom.current()
        assert inner.looks == 3

    asyncio.run(main())
