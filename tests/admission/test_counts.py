from penstock.admission.counts import WAITS, Counts
from penstock.core.priority import HIGH, LOW, NAMES


def test_waits_are_counted_by_class_and_length() -> None:
    counts = Counts()
    counts.waited(HIGH, 0.001)  # bounds are inclusive
    counts.waited(HIGH, 0.2)
    counts.waited(LOW, 1e6)
    told = counts.dump()
    high, seconds = told["waits"]["high"]
    assert (high[0], high[WAITS.index(0.25)], sum(high), seconds) == (1, 1, 2, 0.201)
    assert told["waits"]["low"][0][-1] == 1
    assert told["bounds"] == list(WAITS)
    assert len(high) == len(WAITS) + 1


def test_what_was_shed_and_preempted_is_told_by_name() -> None:
    counts = Counts()
    counts.shed["late", LOW] += 2
    counts.preempted[LOW] += 1
    told = counts.dump()
    assert told["shed"] == [["late", "low", 2]]
    assert told["preempted"] == {name: int(name == "low") for name in NAMES}
    assert repr(counts) == "<Counts 0 waited, 2 shed>"
