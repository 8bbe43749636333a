"""What each exchange is told."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.batching.shares import bear, charge, show
from tests.support.batches import asking


def test_facts_are_shown_and_attempts_add_up() -> None:
    merged, own = asking(), asking()
    merged.model, merged.answered_as, merged.upstream, merged.upstream_key = "m", "fallback", "up", 2
    merged.upstream_model, merged.output_default, merged.attempts = "there", 7, 2
    merged.queued, merged.place, merged.degraded, merged.notes = 0.5, 3, "shorter", {"a": "b"}
    own.attempts, own.queued, own.notes = 1, 0.25, {"c": "d"}
    show(own, merged)
    assert (own.model, own.answered_as, own.upstream, own.upstream_key) == ("m", "fallback", "up", 2)
    assert (own.upstream_model, own.output_default, own.attempts) == ("there", 7, 3)
    assert (own.queued, own.place, own.degraded, own.notes) == (0.75, 3, "shorter", {"c": "d", "a": "b"})


def test_what_happened_once_is_borne_once() -> None:
    merged, first, second = asking(), asking(), asking()
    merged.note_failure("reset", "up")
    merged.note_rescue("ended")
    merged.hedge = ("won", 1.0)
    first.note_failure("silent", "up")
    bear([first, second], merged)
    assert first.failures == [("silent", "up"), ("reset", "up")]
    assert (first.rescues, first.hedge) == (["ended"], ("won", 1.0))
    assert (second.failures, second.rescues, second.hedge) == (None, None, None)
    bear([], merged)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20), st.integers(0, 10**9))
def test_cost_is_split_by_tokens_to_the_micro_dollar(tokens: list[int], cost: int) -> None:
    merged = asking()
    merged.cost, merged.saved, merged.money = cost, 4, {"batching": 4}
    callers = [asking() for _ in tokens]
    charge(list(zip(callers, tokens, strict=True)), merged)
    assert sum(one.cost for one in callers) == cost
    assert all(one.cost >= 0 for one in callers)
    assert [one.saved for one in callers] == [4] + [0] * (len(callers) - 1)
    if sum(tokens):
        assert all(
            abs(one.cost - cost * part / sum(tokens)) <= len(tokens) for one, part in zip(callers, tokens, strict=True)
        )


def test_a_call_that_nobody_waits_for_is_charged_to_nobody_here() -> None:
    merged = asking()
    merged.cost = 5
    charge([], merged)
