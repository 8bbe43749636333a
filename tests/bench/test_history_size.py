import asyncio
import random
from pathlib import Path

from bench.history_size import BEGIN, Place, call, fill, windows
from penstock.core.finished import Finished
from penstock.core.windows import SPAN


def test_calls_are_records() -> None:
    dice = random.Random(1)
    calls = [Finished._make(call(dice, BEGIN + number)) for number in range(200)]
    assert {len(one) for one in calls} == {len(Finished._fields)}
    assert {one.cache for one in calls} == {"miss", "hit-exact"}
    assert any(one.failed for one in calls)


def test_each_window_has_its_calls() -> None:
    made = [window for window, _ in windows(random.Random(1), 3, 5.0, BEGIN)]
    assert [(window.start, window.calls) for window in made] == [(BEGIN + SPAN * number, 50) for number in range(3)]


def test_a_store_is_filled_as_if_days_had_passed(tmp_path: Path) -> None:
    async def main() -> None:
        place = Place(str(tmp_path / "kept.sqlite"))
        sizes = await fill(place, 0.25, 2.0)
        assert set(sizes) == {"ten_seconds", "minute", "hour"}
        told = await place.past.answer({"since": "-6h", "measures": "calls_per_second", "step": "1h"})
        rates = told["series"][0]["points"]["calls_per_second"]
        assert rates == [2.0] * 6
        assert await place.size() > 100_000
        await place.store.aclose()

    asyncio.run(main())
