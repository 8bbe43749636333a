import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.local.embedded import Embedded
from penstock.scaling.size import Size


@dataclass
class Process:
    name: str
    ready: bool = False
    base_url: str = ""
    load_seconds: float = 0.0
    trouble: str = ""


@dataclass
class Engine:
    minimum: int = 1
    maximum: int = 1
    target: int = 1
    replicas: list[Process] = field(default_factory=lambda: [Process("e/0")])

    size: dict[str, int] = field(default_factory=lambda: {"slots": 2, "context": 4096})
    stale: tuple[str, ...] = ()
    victims: list[str] = field(default_factory=list)

    def resize(self, size: dict[str, int], *, dry_run: bool = False) -> dict[str, int]:
        if size.get("slots", 0) > 48:
            raise ValueError("too many")
        if not dry_run:
            self.size |= size
        return self.size | size

    def is_stale(self, name: str) -> bool:
        return name in self.stale

    def scale(self, wanted: int, victims: Sequence[str] = ()) -> int:
        self.victims += victims
        self.target = min(self.maximum, max(self.minimum, wanted))
        self.replicas = (self.replicas + [Process(f"e/{number}") for number in range(1, 9)])[: self.target]
        return self.target


def test_the_engine_is_scaled_between_the_bounds_of_its_pool_and_told_of() -> None:
    async def main() -> None:
        engine, now = Engine(), [10.0]
        pool = Embedded(lambda: engine, 3, 1.5, wall=lambda: now[0])
        assert (await pool.current()).wanted == 0  # nothing was asked for yet
        await pool.want(3)
        now[0] = 12.0
        engine.replicas[0].ready, engine.replicas[0].load_seconds = True, 1.25
        standing = await pool.current()
        assert (standing.wanted, standing.price) == (3, 1.5)
        first, second, _ = standing.replicas
        assert (first.state, first.took, first.asked, first.since) == ("ready", 1.25, 10.0, 12.0)
        assert (second.state, second.address, second.asked) == ("starting", "", 12.0)
        await pool.want(0, ["e/0"])
        assert engine.target == 1  # it keeps one
        await pool.drain("e/0", drained=True)
        await pool.aclose()

    asyncio.run(main())


def test_while_there_is_no_engine_nothing_stands() -> None:
    async def main() -> None:
        pool = Embedded(lambda: None, 3, wall=lambda: 0.0)
        await pool.want(2)
        assert (await pool.current()).replicas == []

    asyncio.run(main())


def test_the_engine_is_resized_and_says_who_has_another_size() -> None:
    async def main() -> None:
        engine = Engine()
        pool = Embedded(lambda: engine, 1, wall=lambda: 0.0)
        await pool.want(1)
        standing = await pool.current()
        assert (standing.size, standing.can) == (Size(slots=2, context=4096), ["slots", "context"])
        assert await pool.resize(Size(slots=4), dry_run=True) == Size(slots=4, context=4096)
        assert engine.size["slots"] == 2
        await pool.resize(Size(slots=4))
        engine.stale = ("e/0",)
        standing = await pool.current()
        assert (standing.size.slots, [one.stale for one in standing.replicas]) == (4, [True])
        await pool.want(2)
        assert (engine.target, engine.maximum) == (2, 2), "one more than the pool has while one is replaced"
        await pool.want(1, ["e/0"])
        assert engine.victims == ["e/0"]

    asyncio.run(main())


def test_what_an_engine_cannot_be_is_refused() -> None:
    async def main() -> None:
        pool = Embedded(lambda: Engine(), 1, wall=lambda: 0.0)
        with pytest.raises(ActuatorError, match="cpu and memory of an embedded engine cannot be changed"):
            await pool.resize(Size(cpu=1.0, memory=5))
        with pytest.raises(ActuatorError, match="too many"):
            await pool.resize(Size(slots=49))
        with pytest.raises(ActuatorError, match="does not run yet"):
            await Embedded(lambda: None, 1, wall=lambda: 0.0).resize(Size(slots=4))

    asyncio.run(main())
