from penstock.insight.findings import Experiment, Proposal
from penstock.insight.optimizer.held import Held, spent, wished
from penstock.insight.optimizer.knobs import knob_of


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
