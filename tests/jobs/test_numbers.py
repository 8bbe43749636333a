import json

from penstock.jobs.numbers import Numbers


def test_they_are_plain_values() -> None:
    numbers = Numbers()
    numbers.lines["ok"] += 2
    numbers.ended["failed"] += 1
    told = json.loads(json.dumps(numbers.dump()))
    assert (told["lines"], told["ended"], told["running"]) == ({"ok": 2}, {"failed": 1}, 0)
