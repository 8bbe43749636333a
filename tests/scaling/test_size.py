import re

import pytest

from penstock.scaling.size import Size, size_of

GIB = 2**30


def test_words_are_a_size_and_a_size_is_words() -> None:
    size = size_of({"memory": "4GiB", "cpu": "0.5", "slots": 8, "context": " 1000000 ", "threads": "2"})
    assert size == Size(cpu=0.5, memory=4 * GIB, slots=8, context=1_000_000, threads=2)
    assert str(size) == "cpu 0.5, memory 4GiB, slots 8, context 1000000, threads 2"
    assert (str(Size()), size_of({})) == ("nothing", Size())


@pytest.mark.parametrize(
    ("name", "word", "says"),
    [
        ("gpus", "1", '"gpus" is nothing that a replica has; there are cpu, memory, slots, context, threads'),
        ("memory", "much", "memory is a size, such as 4GiB"),
        ("cpu", "two", "cpu is a number of cores, such as 0.5 or 4"),
        ("cpu", "nan", "cpu nan is no size: it is more than 0 and at most 1e+06"),
        ("cpu", "inf", "cpu inf is no size"),
        ("slots", "1_0", "slots is a whole number, such as 8"),
        ("slots", "1.5", "slots is a whole number, such as 8"),
        ("slots", "0", "slots 0 is no size: it is more than 0 and at most 1000000"),
        ("context", "-5", "context -5 is no size"),
        ("threads", "1000001", "threads 1000001 is no size"),
        ("memory", "2000000TiB", "is no size: it is more than 0 and at most 1024TiB"),
    ],
)
def test_what_is_no_size_is_said(name: str, word: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        size_of({name: word})


def test_what_one_does_not_say_another_does() -> None:
    assert Size(slots=4).over(Size(slots=2, context=512)) == Size(slots=4, context=512)
