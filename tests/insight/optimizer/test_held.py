from random import Random

from penstock.insight.findings import Experiment, Proposal
from penstock.insight.optimizer.guard import Guard
from penstock.insight.optimizer.held import Held, spent, wished
from penstock.insight.optimizer.knobs import knob_of
from penstock.insight.optimizer.measures import MEASURES
from penstock.insight.optimizer.trial import Terms, Trial


def held(key: str, text: str, old: str | None) -> Held:
    proposal = Proposal(id="p1", type="t", priority="low", safety="safe", description="", setting=key, value=text)
    return Held(Experiment(id="e1", proposal=proposal, began=0.0, state="kept"), key, text, old, None)


class Off:
    on = False


def test_later_settings_of_a_key_count_and_one_that_is_off_gives_way_to_what_was_before() -> None:
    first, second, other = held("a", "2", None), held("a", "4", "2"), held("b", "1", None)
    assert wished([first, second, other]) == {"a": "4", "b": "1"}
    second.trial = Off()  # type: ignore[assignment]
    assert wished([first, second, other]) == {"a": "2", "b": "1"}
    first.trial = other.trial = Off()  # type: ignore[assignment]
    assert wished([first, other]) == {}
    assert spent([held("a", "2", None)], "error_share") == 0.0
    assert knob_of("a") is None


def test_what_is_within_two_standard_errors_is_not_spent() -> None:
    few, many = held("a", "2", None), held("a", "4", "2")
    for one, times in ((few, 3), (many, 30)):
        guard = Guard(MEASURES["dislikes"], 0.05, [0.1] * 20)
        one.trial = Trial(MEASURES["hit_rate"], [guard], Terms(2, 3600.0, 0.0, 0.01), Random(1), 0.0)
        for difference in (0.0, 0.02) * times:
            one.trial.harm.pairs["dislikes"].add(difference)
    assert 0.0 < spent([few], "dislikes") < 0.002
    assert 0.007 < spent([many], "dislikes") < 0.008
    assert spent([many, held("b", "2", None)], "memory") == 0.0
