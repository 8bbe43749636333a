import asyncio

import pytest

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.signal.service import Signal
from penstock.scaling.size import Size


def test_it_remembers_what_is_wanted_tells_what_is_found_and_moves_nothing() -> None:
    async def main() -> None:
        found, now = ["h:1"], [5.0]
        signal = Signal(lambda: found, 1, 2.5, lambda: now[0])
        standing = await signal.current()
        assert (standing.wanted, standing.moves, standing.price) == (1, False, 2.5)
        await signal.want(4, ["h:1"])
        await signal.drain("h:1", drained=True)
        found.append("h:2")
        now[0] = 9.0
        standing = await signal.current()
        assert standing.wanted == 4
        assert [(one.address, one.state, one.since) for one in standing.replicas] == [
            ("h:1", "ready", 5.0), ("h:2", "ready", 9.0),
        ]  # fmt: skip
        found.remove("h:1")
        assert [one.name for one in (await signal.current()).replicas] == ["h:2"]
        with pytest.raises(ActuatorError, match="the actuator signal changes nothing"):
            await signal.resize(Size(slots=4))
        await signal.aclose()

    asyncio.run(main())
