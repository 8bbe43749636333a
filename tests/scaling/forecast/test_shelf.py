from penstock.scaling.forecast.forecaster import Forecaster
from penstock.scaling.forecast.series import Step
from penstock.scaling.forecast.shelf import QUIET, SAVE_EVERY, Shelf

STEP = 60.0


def shelf(most: int = 2) -> Shelf:
    return Shelf(STEP, most, lambda: Forecaster(STEP, (1, 2), zeros="real"))


def play(one: Shelf, steps: int, *, since: float = 0.0, **amounts: float) -> float:
    """So many steps of these amounts; what was learned before is looked for and not found."""
    for number in range(steps):
        one.take(Step(since + number * STEP, STEP, dict(amounts)))
        for name in list(one.awaited):
            one.restore(name, None)
        for _, series in list(one.behind()):
            while series.catch_up():
                pass
    return since + steps * STEP


def test_each_name_has_a_series_and_silence_of_one_is_a_zero() -> None:
    one = shelf()
    at = play(one, 5, a=60.0, b=120.0)
    play(one, 2, since=at, a=60.0)
    assert {name: (series.forecaster.count, series.last) for name, series in one.series.items()} == {
        "a": (7, 1.0), "b": (7, 0.0),
    }  # fmt: skip


def test_a_new_one_learns_nothing_before_its_past_was_looked_for() -> None:
    one = shelf()
    one.take(Step(0.0, STEP, {"a": 60.0}))
    assert one.awaited == {"a"}
    assert list(one.behind()) == []
    assert not one.restore("a", None)
    assert len(list(one.behind())) == 1


def test_names_are_bounded_and_one_that_was_quiet_for_a_day_makes_room() -> None:
    one = shelf(most=2)
    at = play(one, 2, a=60.0, b=60.0)
    at = play(one, 1, since=at, a=60.0, b=60.0, c=60.0)
    assert set(one.series) == {"a", "b"}
    assert one.left_out == 1
    later = QUIET + at
    one.take(Step(later - STEP, STEP, {"a": 60.0}))
    one.take(Step(later, STEP, {"a": 60.0, "c": 60.0}))
    assert set(one.series) == {"a", "c"}
    assert one.left_out == 0


def test_what_was_missed_for_too_long_begins_anew() -> None:
    one = shelf()
    play(one, 5, a=60.0)
    play(one, 1, since=40 * 86_400.0, a=60.0)
    assert one.series["a"].forecaster.count == 1


def test_each_is_written_by_turns_and_read_again() -> None:
    one = shelf()
    at = play(one, 30, a=60.0, b=120.0)
    first = one.to_save(at)
    assert first is not None
    stored = {first: one.written(first, at)}
    second = one.to_save(at)
    assert second is not None
    stored[second] = one.written(second, at)
    assert set(stored) == {"a", "b"}
    assert one.to_save(at + SAVE_EVERY - 1) is None
    assert one.to_save(at + SAVE_EVERY) == first
    other = shelf()
    other.take(Step(at + 2 * STEP, STEP, {"a": 60.0, "b": 60.0}))
    assert other.restore("a", stored["a"])
    assert not other.restore("b", b"\xff nonsense")
    for _, series in list(other.behind()):
        while series.catch_up():
            pass
    assert [other.series[name].forecaster.count for name in ("a", "b")] == [33, 1]
    assert other.series["a"].gaps == 2


def test_what_is_dropped_is_forgotten() -> None:
    one = shelf()
    one.take(Step(0.0, STEP, {"a": 60.0}))
    one.drop("a")
    assert (one.series, one.awaited) == ({}, set())
    assert not one.restore("a", b"")
