import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.warmup.tasks import HIGH, Plan, Task


def names(tasks: list[Task]) -> list[str]:
    return [task.name for task in tasks]


def plan() -> Plan:
    return Plan(
        [
            Task("late", 4, 9.0, after=("cache",)),
            Task("cache", 3, 5.0, after=("store",)),
            Task("other", 3, 5.0),
            Task("dial", 2, 3.0, holds=0.2),
            Task("play", 2, 1.0, holds=1.0),
            Task("store", 1, 3.0, holds=3.0),
        ]
    )


def test_high_levels_go_one_after_another_and_the_rest_at_once() -> None:
    made = plan()
    assert names(made.due(0.0)) == ["store"]
    assert made.due(0.0) == []
    assert made.awaited(0.0) == ["store", "dial", "play"]
    made.end("store", "done", 0.5)
    assert names(made.due(0.5)) == ["dial", "play"]
    made.end("play", "done", 0.6)
    assert (made.due(0.6), made.awaited(0.6)) == ([], ["dial"])
    made.end("dial", "done", 0.65)
    assert names(made.due(0.65)) == ["cache", "other"]
    assert made.awaited(0.65) == []
    made.end("cache", "done", 0.7)
    assert names(made.due(0.7)) == ["late"]
    for name in ("late", "other"):
        assert not made.over
        made.end(name, "done", 1.5)
    assert made.over
    assert made.summary() == "warm-up: 6 of 6 tasks done in 1.50 s"


def test_what_is_slow_holds_readiness_and_the_next_level_for_its_time_only() -> None:
    made = plan()
    made.due(0.0)
    made.end("store", "done", 1.0)
    made.due(1.0)
    made.end("play", "done", 1.1)
    assert made.lets_go(1.1) == pytest.approx(1.2)
    assert made.due(1.19) == []
    assert names(made.due(1.21)) == ["cache", "other"]
    assert made.awaited(1.21) == []
    assert made.lets_go(1.21) is None


def test_a_failure_stops_nobody_but_those_that_build_on_it() -> None:
    made = plan()
    made.due(0.0)
    made.end("store", "failed", 2.0, "the disk is full")
    assert names(made.due(2.0)) == ["dial", "play"]
    made.end("dial", "late", 2.1, "not done within 3 s")
    made.end("play", "done", 2.1)
    assert names(made.due(2.2)) == ["other"]
    assert made.outcomes["cache"].state == "skipped"
    assert made.outcomes["late"].state == "skipped"
    made.end("other", "done", 3.0)
    assert made.over
    assert made.summary() == (
        "warm-up: 2 of 6 tasks done in 3.00 s; store: the disk is full; dial: not done within 3 s;"
        " cache: store was not done; late: cache was not done"
    )


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([Task("a", 3, 1.0, after=("b",)), Task("b", 3, 1.0, after=("a",))], "a -> b -> a"),
        ([Task("a", 3, 1.0, after=("a",))], "a -> a"),
        ([Task("a", 3, 1.0, after=("c",))], "comes after c, which there is not"),
        ([Task("a", 1, 1.0, after=("b",)), Task("b", 2, 1.0)], "whose level begins later"),
    ],
)
def test_what_has_no_order_is_refused(tasks: list[Task], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Plan(tasks)


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.booleans(), st.integers(0, 9)), max_size=9))
def test_every_task_comes_to_an_end_whatever_fails(drawn: list[tuple[int, bool, bool, int]]) -> None:
    tasks = [
        Task(str(at), priority, 1.0, holds=0.5 if holds else 0.0, after=[str(on % at)] if at and on < 5 else [])
        for at, (priority, holds, _, on) in enumerate(sorted(drawn))
    ]
    made, now = Plan(tasks), 0.0
    for _ in range(3 * len(tasks) + 1):
        due = made.due(now)
        for task in due:
            earlier = [one for one in tasks if one.priority < task.priority and one.priority <= HIGH]
            assert all(made.outcomes[one.name].over for one in earlier)
            assert all(made.outcomes[name].state == "done" for name in task.after)
            made.end(task.name, "done" if drawn[int(task.name)][2] else "failed", now)
        now += 1.0
    assert made.over
    assert made.awaited(now) == []
