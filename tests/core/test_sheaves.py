from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.finished import Finished, record
from penstock.core.sheaves import Sheaf, sheaves
from tests.support.exchanges import finished


def bound(*calls: Exchange) -> list[Sheaf]:
    return sheaves([record(call, 0.0) for call in calls])


def test_calls_that_ended_alike_are_put_together_column_by_column() -> None:
    first, second = bound(finished(id="a"), finished(id="b", model="n"), finished(id="c"))
    assert (first.number, first.model, first.columns.id) == (2, "m", ("a", "c"))
    assert (second.number, second.model, second.columns.tokens_in) == (1, "n", (11,))
    assert bound() == []


def test_each_call_is_told_apart_by_how_it_ended() -> None:
    down = finished("error", error=UpstreamError("down"), status=502)
    found = bound(finished(), down, finished("left", status=200))
    assert [(sheaf.status, sheaf.fault, sheaf.outcome) for sheaf in found] == [
        (200, "", "ok"), (502, "upstream", "error"), (499, "", "left"),
    ]  # fmt: skip
    assert [list(sheaf.totals) for sheaf in found] == [[2.5], [], [2.5]]


def test_an_instance_counts_as_its_upstream_and_an_unknown_model_as_no_entry() -> None:
    (sheaf,) = bound(finished(upstream="pool@10.0.0.1:80", model="", asked="made-up"))
    assert (sheaf.upstream, sheaf.model, sheaf.entry) == ("pool", "made-up", "")


def test_what_is_derived_is_what_each_record_says() -> None:
    calls = [finished(tokens_out=tokens, first_byte=first, cache=cache, attempts=attempts)
             for tokens in (0, 1, 9) for first in (0.0, 100.5, 102.5) for cache in ("miss", "hit-exact")
             for attempts in (0, 1)]  # fmt: skip
    for at, call in enumerate(calls):
        call.call.stream = at % 2 == 0
    told = [one for one in map(Finished._make, (record(call, 0.0) for call in calls)) if one.cache == "miss"]
    (sheaf,) = bound(*calls)
    assert sheaf.firsts == [one.first_byte for one in told if one.stream and one.first_byte]
    assert sheaf.prefills == [one.prefill for one in told if one.prefill is not None]
    assert sheaf.gaps == [one.token_gap for one in told if one.token_gap is not None]
    assert sheaf.generating == sum(one.generating for one in told)
