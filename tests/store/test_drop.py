import pytest

from penstock.core.stored import Missed
from tests.support.stores import Stores


def test_the_oldest_rows_can_be_dropped(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        log = store.log("things", 1000)
        assert log.drop("5"), "of a log that is not there"
        log.extend([b"%d" % number for number in range(1, 11)])
        assert log.drop("4")
        await store.flush()
        assert [place for place, _ in await log.read("", 100)] == ["5", "6", "7", "8", "9", "10"]
        assert [place for place, _ in await log.read("4", 1)] == ["5"]
        with pytest.raises(Missed):
            await log.read("2", 100)
        log.drop("4")
        log.drop("10")
        log.append(b"11")
        await store.flush()
        assert await log.read("", 100) == [("11", b"11")]
        assert await log.last() == "11"

    stores.run(work)
