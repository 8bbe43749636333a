import asyncio
from dataclasses import dataclass, field

from penstock.scaling.actuators.local.embedded import Embedded


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

    def scale(self, wanted: int) -> int:
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
