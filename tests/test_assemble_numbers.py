import asyncio

from penstock.assemble_numbers import numbers
from tests.support.gateway import running_gateway


def test_every_slice_that_is_there_is_told_of() -> None:
    async def run() -> dict[str, object]:
        async with running_gateway() as running:
            return numbers(running.gateway)

    told = asyncio.run(run())
    names = ("cache", "journal", "observed", "resume", "store", "streams")
    assert {name for name in names if told[name] is None} == set()
    assert told["generation"] == 1
