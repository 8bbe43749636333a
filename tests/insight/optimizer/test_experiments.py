import logging
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from penstock.insight.findings import Experiment, Proposal
from penstock.insight.optimizer.experiments import Experiments, Refused
from penstock.insight.optimizer.held import Held
from penstock.insight.optimizer.knobs import knob_of
from penstock.insight.optimizer.rhythm import SLOT
from tests.insight.optimizer.tuning import KEY, START, Bench


def better(value: float, held: int) -> float:
    return 0.8 if value < 0.1 else 1.0


def past(number: int, state: str, value: str = "50ms", setting: str = KEY) -> Experiment:
    proposal = Proposal(id="p1", type="t", priority="low", safety="safe", description="", setting=setting, value=value)
    return Experiment(id=f"e{number}", proposal=proposal, began=1.0, state=state)  # type: ignore[arg-type]


def test_what_was_kept_is_in_force_and_can_be_taken_back_by_its_id_or_its_key() -> None:
    for name in ("id", "key"):
        bench = Bench(better)
        kept = bench.until("kept")
        assert bench.course.experiments.wanted() == {KEY: kept.proposal.value}
        gone = bench.course.experiments.revert(kept.id if name == "id" else KEY, bench.now, "ada")
        assert gone == [kept]
        assert (kept.state, kept.reason) == ("reverted", "taken back, by ada")
        assert bench.course.experiments.wanted() == {}
        with pytest.raises(Refused):
            bench.course.experiments.revert(kept.id, bench.now, "ada")


def test_with_a_step_go_those_that_stand_on_it() -> None:
    bench = Bench(lambda value, _: 0.5 + value * 5)
    bench.until("kept")
    first = bench.course.experiments.kept[0].experiment
    while len(bench.course.experiments.kept) < 2:
        bench.step()
    gone = bench.course.experiments.revert(first.id, bench.now, "ada")
    assert len(gone) >= 2
    assert bench.course.experiments.wanted() == {}


def test_one_at_a_time() -> None:
    bench = Bench(better)
    while bench.course.experiments.running is None:
        bench.step()
    assert bench.course.experiments.busy
    bench.course.propose(KEY, "20ms")
    proposal = next(iter(bench.course.proposals))
    with pytest.raises(Refused, match="one at a time"):
        bench.course.begin(proposal, bench.now)


def test_after_a_restart_the_journal_says_what_became_of_it() -> None:
    noted: list[Experiment] = []
    one = Experiments(noted.append)
    one.restore([past(1, "kept"), past(2, "running", "20ms")], {}, START)
    assert one.again == {KEY: "50ms"}
    assert one.journal[0].state == "failed"
    assert "the gateway ended meanwhile" in one.journal[0].reason
    assert one.wanted() == {}
    taken = Experiments(noted.append)
    taken.restore([past(1, "kept"), past(1, "reverted")], {}, START)
    assert taken.again == {}


def test_after_a_restart_of_the_worker_alone_what_was_kept_is_in_force_still() -> None:
    one = Experiments(lambda _: None)
    one.restore([past(1, "kept")], {KEY: "50ms", "admission.limit": "7"}, START)
    assert one.wanted() == {KEY: "50ms"}  # what nobody knows of goes
    assert one.again == {}


def test_what_the_file_ended_is_not_wished_any_more() -> None:
    bench = Bench(better)
    kept = bench.until("kept")
    bench.course.experiments.told({}, bench.now)
    assert kept.state == "reverted"
    assert "the config file says something new" in kept.reason
    assert bench.course.experiments.wanted() == {}


@pytest.mark.parametrize(("late", "state"), [(False, "failed"), (True, "timed_out")])
def test_a_change_that_cannot_be_had_ends_its_experiment(late: bool, state: str) -> None:
    bench = Bench(better)
    while bench.course.experiments.running is None or not bench.course.experiments.running.on:
        bench.step()
    bench.course.experiments.refused("no", bench.now, late=late)
    assert bench.course.experiments.journal[0].state == state
    assert bench.course.experiments.running is None


def test_what_gains_now_and_costs_more_at_other_hours_is_taken_back_and_what_it_gained_is_known() -> None:
    for cost, state in ((0.1, "kept"), (0.9, "rolled_back")):
        bench = Bench(better)
        while bench.course.experiments.running is None:
            bench.step()
        one = bench.course.experiments.running
        knob, old = knob_of(KEY), one.experiment.proposal.old
        assert knob is not None
        assert old is not None
        start, end = knob.place(knob.read(old)), knob.place(knob.read(one.text))
        rhythm = bench.course.experiments.searches[KEY].rhythm
        rhythm.note(bench.now + 3 * SLOT, start, end, -cost)
        while one.experiment.state == "running":
            bench.step()
        assert one.experiment.state == state
        assert ("at other hours" in one.experiment.reason) is (state == "rolled_back")
        assert rhythm.elsewhere(bench.now + 2 * SLOT, start, end) > 0.1 - cost


def told(bench: Bench, kept: Held, gain: float) -> Callable[[], float]:
    """``kept`` has seen at another hour that it gains this. What the search knows of its way, apart from now."""
    knob, old = knob_of(KEY), kept.experiment.proposal.old
    assert knob is not None
    assert old is not None
    assert kept.trial is not None
    kept.trial.hours[-1] = (bench.now - 3 * SLOT, gain)
    start, end = knob.place(knob.read(old)), knob.place(knob.read(kept.text))
    return lambda: bench.course.experiments.searches[KEY].rhythm.elsewhere(bench.now, start, end)


def test_a_step_that_is_taken_back_late_leaves_what_it_saw_and_the_way_to_it() -> None:
    bench = Bench(better, lambda value, held: 0.2 if value < 0.06 and held > 90 else 0.0)
    taken = bench.until("kept")
    knows = told(bench, bench.course.experiments.kept[0], -5.0)
    bench.course.config = replace(bench.config, mode="suggest")  # else the next step would tell it
    while taken.state == "kept":
        bench.step()
    assert knows() == pytest.approx(-5.0)
    bench.course.config = bench.config
    while bench.course.experiments.running is None or bench.course.experiments.running.experiment is taken:
        bench.step()
    assert bench.course.experiments.running.text == "0.0707s"


def test_what_a_kept_step_sees_is_known_when_the_next_one_is_judged() -> None:
    bench = Bench(better)
    bench.until("kept")
    knows = told(bench, bench.course.experiments.kept[0], -5.0)
    assert knows() == 0.0
    bench.until("rolled_back")
    assert knows() == pytest.approx(-5.0)


def test_what_is_done_once_is_judged_by_before_and_after(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    one = Experiments(lambda _: None)
    for after, state in ((0.6, "kept"), (0.9, "failed")):
        deed = past(3, "running", setting="action:collect")
        deed.proposal.metric = "memory"
        one.begin(deed, None)
        assert one.to_do is deed
        one.acted([0.8, 0.8], 2, START)
        for _ in range(2):
            one.judge(0.0, 10.0, {"memory": after})
        assert (deed.state, deed.before, deed.after) == (state, 0.8, after)
    late = past(4, "running", setting="action:warm")
    one.begin(late, None)
    one.acted([], 2, START, late=True)
    assert late.state == "timed_out"
    assert not one.rests["action:warm"].ready(START + 1)
