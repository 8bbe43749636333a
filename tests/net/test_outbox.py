"""Writes of one turn leave together, in order; alone they leave at once; what is dropped never leaves."""

import asyncio
from typing import cast

from penstock.net.outbox import FEW, BatchedProtocol, Outbox


class Wire:
    """A transport that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.told.append(data)

    def writelines(self, parts: list[bytes]) -> None:
        self.told.append(b"".join(parts))

    def abort(self) -> None:
        self.aborted = True

    def get_write_buffer_size(self) -> int:
        return 100


class Owner:
    def __init__(self, busy: int) -> None:
        self.outbox = Outbox(asyncio.get_running_loop())
        self.busy = busy


def connection(owner: Owner) -> tuple[BatchedProtocol, Wire]:
    wire = Wire()
    made = BatchedProtocol(owner)
    made._transport = cast(asyncio.Transport, wire)
    return made, wire


def test_few_connections_write_at_once() -> None:
    async def main() -> None:
        one, wire = connection(Owner(FEW))
        one.put(b"a")
        assert wire.told == [b"a"]

    asyncio.run(main())


def test_many_write_together_at_the_end_of_the_turn_and_in_order() -> None:
    async def main() -> None:
        owner = Owner(FEW + 1)
        (one, first), (two, second) = connection(owner), connection(owner)
        one.put(b"a")
        two.put(b"x")
        one.put(b"b")
        assert (first.told, second.told) == ([], [])
        assert one.unsent() == 102
        await asyncio.sleep(0)
        assert (first.told, second.told) == ([b"ab"], [b"x"])
        one.put(b"c")
        await asyncio.sleep(0)
        assert first.told == [b"ab", b"c"]

    asyncio.run(main())


def test_order_holds_when_the_load_falls_within_a_turn() -> None:
    async def main() -> None:
        owner = Owner(FEW + 1)
        one, wire = connection(owner)
        one.put(b"a")
        owner.busy = 0
        one.put(b"b")
        await asyncio.sleep(0)
        assert wire.told == [b"ab"]

    asyncio.run(main())


def test_flush_sends_now_and_drop_forgets() -> None:
    async def main() -> None:
        owner = Owner(FEW + 1)
        (one, first), (two, second) = connection(owner), connection(owner)
        one.put(b"a")
        one.flush()
        assert first.told == [b"a"]
        two.put(b"x")
        two.drop()
        await asyncio.sleep(0)
        assert (first.told, second.told, second.aborted) == ([b"a"], [], True)

    asyncio.run(main())
