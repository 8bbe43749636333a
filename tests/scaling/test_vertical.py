import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from penstock.scaling.size import Size
from penstock.scaling.vertical import BARRED_SECONDS, BEFORE_WINDOWS, Calls, Course, Verdict, problems
from penstock.scaling.vertical_config import CountConfig, MemoryConfig, VerticalConfig

GIB = 2**30
CONFIG = VerticalConfig(
    mode="auto", slots=CountConfig(min=2, max=8), memory=MemoryConfig(min=GIB, max=4 * GIB), cooldown=600.0
)
GOOD = Calls(100, 0, 100, 2)
LATE = Calls(100, 0, 100, 30)
FAILED = Calls(100, 10, 100, 2)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Size(slots=8, memory=2 * GIB), []),
        (Size(slots=9), ["pool gpu: slots 9 is not between 2 and 8, its bounds"]),
        (Size(memory=5 * GIB), ["pool gpu: memory 5GiB is not between 1GiB and 4GiB, its bounds"]),
        (Size(cpu=4.0),
         ["pool gpu: cpu would change from 2 to 4, and scaling.pools.gpu.vertical.cpu gives no bounds for it"]),
        (Size(cpu=2.0, slots=4), []),
        (Size(threads=1, slots=1),
         ["pool gpu: slots 1 is not between 2 and 8, its bounds",
          "pool gpu: threads would change to 1, and scaling.pools.gpu.vertical.threads gives no bounds for it"]),
    ],
)  # fmt: skip
def test_a_size_stays_within_its_bounds_and_what_has_none_stays_as_it_is(wanted: Size, says: list[str]) -> None:
    assert problems("gpu", wanted, Size(cpu=2.0, slots=4, memory=GIB), CONFIG) == says


def test_off_is_off() -> None:
    assert problems("gpu", Size(slots=4), Size(slots=2), VerticalConfig()) == [
        "pool gpu is not to be resized: scaling.pools.gpu.vertical.mode is off"
    ]


@given(some.integers(1, 20), some.integers(1, 20))
def test_nothing_beyond_the_bounds_ever_passes(slots: int, before: int) -> None:
    allowed = not problems("gpu", Size(slots=slots), Size(slots=before), CONFIG)
    assert allowed == (slots == before or 2 <= slots <= 8)


class Watched:
    """A course, and the windows that it is given."""

    def __init__(self, before: Calls = GOOD) -> None:
        self.now = 1000.0
        self.course = Course(0.0)
        self.pass_(before, 10)
        self.course.begin(Size(slots=4), Size(slots=8), self.now)

    def pass_(self, window: Calls, count: int = 1, *, settled: bool = True) -> Verdict | None:
        for _ in range(count):
            self.now += 10.0
            verdict = self.course.take(window, self.now, CONFIG.cooldown, settled=settled)
            if verdict is not None:
                return verdict
        return None


def test_a_change_that_makes_first_tokens_late_is_taken_back_and_left_alone_for_a_day() -> None:
    watched = Watched()
    verdict = watched.pass_(LATE, 20)
    assert verdict == Verdict("back", Size(slots=4), "30.0% of first tokens came late, 2.0% before")
    assert watched.now == 1120.0, "after the second window: one alone is too few calls"
    assert watched.course.free(Size(slots=8, memory=GIB), watched.now) == Size(memory=GIB)
    assert watched.course.free(Size(slots=8), watched.now + BARRED_SECONDS) == Size(slots=8)
    assert not watched.course.may(watched.now + 599.0, CONFIG.cooldown)
    assert watched.course.may(watched.now + 600.0, CONFIG.cooldown)


def test_a_change_that_makes_calls_fail_is_taken_back() -> None:
    verdict = Watched().pass_(FAILED, 20)
    assert verdict is not None
    assert (verdict.does, verdict.reason) == ("back", "10.0% of the calls failed, 0.0% before")


def test_what_was_as_bad_before_is_no_reason() -> None:
    verdict = Watched(LATE).pass_(LATE, 100)
    assert verdict == Verdict("keep", Size(slots=8), "it did no harm")


def test_a_change_is_watched_from_when_all_have_it_and_for_a_cool_down() -> None:
    watched = Watched()
    assert watched.pass_(LATE, 50, settled=False) is None, "while they are replaced nothing is told of the size"
    assert not watched.course.may(watched.now + 10_000, CONFIG.cooldown), "one thing at a time"
    assert watched.pass_(GOOD, 60) is None
    assert watched.pass_(GOOD) == Verdict("keep", Size(slots=8), "it did no harm")
    assert watched.course.free(Size(slots=9), watched.now) == Size(slots=9)


def test_what_a_person_changes_meanwhile_is_not_judged() -> None:
    watched = Watched()
    watched.course.stop(watched.now)
    assert watched.pass_(FAILED, 50) is None
    assert not watched.course.may(watched.now, CONFIG.cooldown)
    assert watched.course.may(watched.now + 100.0, CONFIG.cooldown)
    assert watched.course.free(Size(slots=8), watched.now) == Size(slots=8)


def test_replicas_that_do_not_come_to_stand_are_taken_back() -> None:
    watched = Watched()
    verdict = watched.pass_(GOOD, 200, settled=False)
    assert verdict == Verdict("back", Size(slots=4), "replicas of this size did not come to stand")
    assert watched.now == 1100.0 + 2 * CONFIG.cooldown + 10.0


def test_few_calls_prove_nothing_and_of_the_past_only_the_newest_counts() -> None:
    assert Watched(Calls(1, 0, 1, 0)).pass_(LATE, 60) is None
    watched = Watched(LATE)
    assert watched.pass_(Calls(1, 1, 1, 1), 60) is None
    course = Course(0.0)
    for window in [*[LATE] * 100, *[GOOD] * BEFORE_WINDOWS]:
        course.take(window, 0.0, 600.0, settled=True)
    course.begin(Size(slots=4), Size(slots=8), 0.0)
    assert course.trial is not None
    assert course.trial.base.late == 2 * BEFORE_WINDOWS


@settings(max_examples=50)
@given(some.lists(some.tuples(some.integers(0, 50), some.integers(0, 50)), min_size=1, max_size=80))
def test_there_is_never_a_second_change_while_one_is_watched(windows: list[tuple[int, int]]) -> None:
    watched = Watched()
    for calls, late in windows:
        verdict = watched.pass_(Calls(calls, 0, calls, min(late, calls)))
        assert watched.course.may(watched.now, CONFIG.cooldown) is False
        if verdict is not None:
            break
