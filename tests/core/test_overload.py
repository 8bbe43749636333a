from penstock.core.overload import Overload, Pressure
from penstock.core.priority import BATCH


def test_load_is_the_share_of_the_places_that_is_wanted() -> None:
    overload = Overload(8)
    assert overload.load == 0.0
    overload.in_flight = 8
    assert overload.load == 1.0
    overload.waiting = 4
    assert overload.load == 1.5
    assert repr(overload) == "<Overload 8/8, 4 waiting>"


def test_without_pressure_every_class_is_admitted() -> None:
    pressure = Pressure()
    assert (pressure.level, pressure.floor, pressure.share) == (0, BATCH, 0.0)
    assert repr(pressure) == "<Pressure 0.00, level 0, admits classes up to 3>"
