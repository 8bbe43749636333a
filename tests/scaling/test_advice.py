from penstock.scaling.advice import MIB, Advice, bounded, does
from penstock.scaling.size import Size


def test_what_becomes_of_it() -> None:
    assert [does(2, wanted) for wanted in (1, 2, 3)] == ["less", "keep", "more"]


def test_the_nearest_within_the_bounds_and_a_word_on_it() -> None:
    assert bounded(5, (2, 8)) == (5, "")
    assert bounded(9, (2, 8)) == (8, "; 9 would be right, beyond its bounds")


def test_the_size_that_is_advised() -> None:
    def size(dimension: str, wanted: float, unit: str) -> Size:
        return Advice("x", 1, wanted, unit, "more", "", "apply", {}, "", "gpu", dimension).size

    assert size("memory", 512, "MiB") == size("memory", 512 * MIB, "bytes") == Size(memory=512 * MIB)
    assert size("cpu", 1.5, "cores") == Size(cpu=1.5)
    assert isinstance(size("slots", 4.0, "calls at once").slots, int)
