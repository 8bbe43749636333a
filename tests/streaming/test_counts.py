import pytest

from penstock.streaming.counts import ACTIONS, Counts


def test_what_was_counted_is_dumped() -> None:
    counts = Counts()
    counts.add("dropped", "lossy", 3)
    counts.delay("pace", 0.25)
    counts.delay("pace", 0.5)
    dump = counts.dump()
    assert ["dropped", "lossy", 3] in dump["actions"]
    assert ["delayed", "pace", 2] in dump["actions"]
    assert dump["delays"]["pace"] == 0.75
    assert [(action, reason) for action, reason, _ in dump["actions"]] == list(ACTIONS)


def test_other_names_do_not_exist() -> None:
    with pytest.raises(KeyError):
        Counts().add("dropped", "at will")
