import asyncio

from penstock.store.asked import Append, Extend, Put
from penstock.store.waiters import Waiters


def test_waiters_are_woken_by_their_log_alone() -> None:
    async def main() -> None:
        waiters = Waiters()
        mine, other = (asyncio.get_running_loop().create_future() for _ in range(2))
        waiters.enter("mine", mine)
        waiters.enter("other", other)
        waiters.wake_for([Append("mine", b"", 1), Put("t", b"", b"", 1.0)])
        assert mine.done()
        assert not other.done()
        waiters.wake("mine")
        waiters.leave("mine", mine)
        waiters.leave("mine", mine)
        waiters.leave("other", other)
        assert repr(waiters) == "<Waiters of []>"

    asyncio.run(main())


def test_many_rows_wake_like_one() -> None:
    async def main() -> None:
        waiters = Waiters()
        waiting = asyncio.get_running_loop().create_future()
        waiters.enter("mine", waiting)
        assert "mine" in waiters
        waiters.wake_for([Extend("mine", (b"a", b"b"), 5)])
        assert waiting.done()
        assert "mine" not in waiters

    asyncio.run(main())
