import pytest

from penstock.scaling.rule import unknown
from penstock.scaling.seen import Seen


@pytest.mark.parametrize("seen", [{"load": 0.1}, {"in_flight": 1.0}, {"waiting": 1.0}])
def test_what_is_not_known_holds_while_anything_comes(seen: dict[str, float]) -> None:
    need = unknown(Seen(0.0, wanted=3, **seen), "it is new")  # type: ignore[arg-type]
    assert (need.wanted, need.reason, need.confidence) == (3, "it is new", 0.0)


def test_where_nothing_comes_none_is_needed() -> None:
    assert unknown(Seen(0.0, wanted=3), "it is new").wanted == 0
