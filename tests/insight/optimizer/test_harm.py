import math

from penstock.insight.optimizer.guard import Guard, Word
from penstock.insight.optimizer.harm import UNPROVED, Harm
from penstock.insight.optimizer.measures import MEASURES

NAME = "latency_p95"
CALM = [0.0, 0.02, -0.02] * 8


def harm() -> Harm:
    return Harm([Guard(MEASURES[NAME], math.log(1.2), CALM), Guard(MEASURES["error_share"], 0.02, [0.0] * 24)])


def test_the_worst_word_counts_and_is_told() -> None:
    one = harm()
    levels = {NAME: 0.0, "error_share": 0.3}
    assert one.word(levels, {"calls": 500.0}, eager=False) is Word.BROKEN
    assert one.worst(levels) == "error_share: 0.3 where it was 0 without"
    assert one.word({}, {}, eager=True) is Word.FINE


def test_pairs_tell_whether_it_is_hurt_or_may_be() -> None:
    one = harm()
    for gap in (0.17, 0.19, 0.16, 0.2):
        one.weigh({NAME: [gap] * 6}, {NAME: [0.0] * 6}, count=True)
    assert one.hurt(sure=False) == NAME
    assert one.hurt(sure=True) == ""
    assert one.half({NAME: 0.2})
    assert not one.half({NAME: -0.1})


def test_guilt_is_what_goes_with_the_setting() -> None:
    tripped, last = {NAME: 0.4}, [{NAME: 0.4}]
    assert harm().guilt(tripped, {}, last, {NAME: [0.0] * 6}) == 1.0
    assert harm().guilt(tripped, {}, last, {NAME: [0.4] * 6}) == 0.0
    lone = [{NAME: 0.0}] * 5 + [{NAME: 0.16}]
    assert harm().guilt({NAME: 0.16}, {}, lone, {NAME: [0.0] * 6}) == UNPROVED
