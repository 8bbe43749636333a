from penstock.scaling.size import Size
from penstock.scaling.used import HOUR, HOURS, Used


def test_the_most_of_each_is_known_for_a_day() -> None:
    used = Used()
    assert (used.peak, used.hours) == (Size(), 0.0)
    used.note(0.0, Size(cpu=2.0))
    used.note(10.0, Size(cpu=1.0, memory=50))
    used.note(HOUR, Size(cpu=0.5, memory=70))
    used.note(2 * HOUR, Size())
    assert (used.peak, used.hours) == (Size(cpu=2.0, memory=70), 2.0)
    used.note(HOURS * HOUR, Size())
    assert (used.peak, used.hours) == (Size(cpu=0.5, memory=70), 1.0)


def test_it_is_bounded() -> None:
    used = Used()
    for hour in range(1000):
        used.note(hour * HOUR, Size(cpu=1.0))
    assert used.hours == HOURS
