import asyncio
import json

from bench.accelerator import FIXED_SECONDS, ITEM_SECONDS, VECTOR, Device
from bench.batching import Caller, Seen, problems, shown, summary
from penstock.process.loop import run


def test_a_device_takes_one_call_after_another_or_all_at_once() -> None:
    queue, room = Device(False), Device(True)
    one = FIXED_SECONDS + ITEM_SECONDS
    assert [round(queue.done_at(1.0, 1) - 1.0, 6) for _ in range(3)] == [round(one * n, 6) for n in (1, 2, 3)]
    assert [round(room.done_at(1.0, 1) - 1.0, 6) for _ in range(3)] == [round(one, 6)] * 3
    assert round(queue.done_at(5.0, 64) - 5.0, 6) == round(FIXED_SECONDS + 64 * ITEM_SECONDS, 6)


def test_a_caller_knows_its_own_vector() -> None:
    async def main() -> None:
        caller = Caller(iter([7]), 0.0)
        caller._text = 7
        row = {"index": 0, "embedding": [7.0, *VECTOR]}
        assert caller._is_its_own(json.dumps({"data": [row]}).encode())
        assert not caller._is_its_own(json.dumps({"data": [row, row]}).encode())
        assert not caller._is_its_own(json.dumps({"data": [row | {"index": 1}]}).encode())
        assert not caller._is_its_own(json.dumps({"data": [row | {"embedding": [8.0, *VECTOR]}]}).encode())
        await asyncio.sleep(0)

    run(main())


def told(rate: float, p99: float, one: float, wrong: int = 0) -> dict[str, object]:
    slow = Seen(100, 0, 2.0, [1.0] * 100)
    fast = Seen(int(rate * 2), wrong, 2.0, [p99] * 100)
    alone, held = Seen(10, 0, 1.0, [0.02] * 10), Seen(10, 0, 1.0, [one] * 10)
    return summary({"many": {"off": [slow], "on": [fast]}, "one": {"off": [alone], "on": [held]}})


def test_bars() -> None:
    assert problems(told(200, 0.9, 0.021), side_by_side=False) == []
    assert problems(told(199, 1.1, 0.0225, wrong=3), side_by_side=False) == [
        "3 wrong answers", "2.50 ms more at one caller", "only 3.98 times the calls", "a later p99",
    ]  # fmt: skip
    assert problems(told(40, 1.1, 0.021), side_by_side=True) == []
    assert "| 64      |" in shown(told(200, 0.9, 0.021))
