"""A member leaves its batch with its exchange, once."""

import asyncio

from penstock.batching.member import Member
from tests.support.batches import asking, part


class Noting:
    def __init__(self) -> None:
        self.left: list[Member] = []

    def leave(self, member: Member) -> None:
        self.left.append(member)


def test_it_leaves_once_and_only_while_it_is_in() -> None:
    async def main() -> None:
        exchange, batch = asking("a"), Noting()
        member = Member(exchange, part("a"), asyncio.get_running_loop(), 1.0)
        exchange.defer(member.left)
        member.batch = batch  # type: ignore[assignment]
        exchange.finish("left", 2.0)
        assert batch.left == [member]
        member.left(exchange)
        assert batch.left == [member]

    asyncio.run(main())
