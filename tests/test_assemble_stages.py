import asyncio

import pytest

from penstock.assemble_stages import make_stages
from penstock.config import Config
from penstock.pipeline import ROOMS
from tests.support.gateway import OPEN_ECHO, running_gateway


@pytest.mark.parametrize(("rescue", "collected"), [("off", False), ("on", False), ("all", True)])
def test_every_room_is_made_as_the_configuration_wants(rescue: str, collected: bool) -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO + f"rescue: {rescue}\n") as running:
            gateway = running.gateway
            config = Config.parse(OPEN_ECHO + f"rescue: {rescue}\n", "c.yaml", {})
            table = gateway._editions[-1].table
            targets = {target.name: target for target in gateway.upstreams.targets}
            made = make_stages(gateway, config, targets, table)
            off = {"degrade", "lessen", "grouping", "batching"}
            assert {room.name for room in ROOMS} - set(made) == {"edge", "auth"} | off
            assert made["routing"]._collect is collected  # type: ignore[attr-defined]

    asyncio.run(main())
