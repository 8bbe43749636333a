from typing import Any

from penstock.core.errors import CallerError
from penstock.core.finished import Finished, Record, record
from penstock.cost.hours import HOUR, Sums
from penstock.cost.spend import Tally
from tests.support.exchanges import finished

START = 500_000 * HOUR


def row(at: float = START + 1.0, **facts: Any) -> Record:
    return record(finished(**facts), at)


def told(tally: Tally) -> dict[int, dict[tuple[str, ...], tuple[int, int, int]]]:
    return {
        bucket.start: {names: (sums.calls, sums.cost, sums.saved) for names, sums in bucket.entries.items()}
        for bucket in tally.changed()
    }


def test_calls_are_summed_up_by_hour_key_model_upstream_and_tags() -> None:
    tally = Tally("w", 10)
    tally.take([row(cost=5, saved=2, money={"cache": 2}), row(cost=7), row(cost=1, tags="team:a"), row(START + HOUR)])
    assert told(tally) == {
        START: {("key-1", "m", "up", ""): (2, 12, 2), ("key-1", "m", "up", "team:a"): (1, 1, 0)},
        START + HOUR: {("key-1", "m", "up", ""): (1, 0, 0)},
    }
    assert (tally.models, tally.saved["cache"]) == ({("m", "up"): 13}, 2)


def test_tokens_estimates_and_unpriced_calls_are_summed_too() -> None:
    tally = Tally("w", 10)
    tally.take([row(cost=9, money={"estimated": 9}), row(money={"unpriced": 1})])
    (bucket,) = tally.changed()
    (sums,) = bucket.entries.values()
    assert (sums.tokens_in, sums.tokens_cached, sums.tokens_out) == (22, 10, 44)
    assert (sums.estimated, sums.unpriced, tally.unpriced) == (9, 1, 1)


def test_names_past_the_bound_are_counted_together_and_nothing_is_lost() -> None:
    tally = Tally("w", 10)
    tally.take([row(cost=3, key=f"key-{number}") for number in range(50)])
    (bucket,) = tally.changed()
    assert len(bucket.entries) == 13
    assert sum(sums.cost for sums in bucket.entries.values()) == 150
    assert bucket.entries["other", "other", "other", "other"].calls == 38
    assert sum(tally.models.values()) == 150


def test_tags_of_one_caller_push_out_no_other_caller() -> None:
    tally = Tally("w", 10)
    tally.take([row(tags=f"{number}" + "x" * 1000) for number in range(50)])
    tally.take([row(key="key-2")])
    (bucket,) = tally.changed()
    assert bucket.entries["key-1", "m", "up", "other"].calls == 40
    assert bucket.entries["key-2", "m", "up", "other"].calls == 1
    assert all(len(names[3]) <= 200 for names in bucket.entries)


def test_models_that_do_not_exist_fill_no_ledger() -> None:
    tally = Tally("w", 10)
    refused = CallerError("no", status=404)
    tally.take([row(model="", asked=f"m{number}", error=refused, outcome="error", upstream="") for number in range(50)])
    (bucket,) = tally.changed()
    assert [(names, sums.calls) for names, sums in bucket.entries.items()] == [(("key-1", "", "", ""), 50)]


def test_an_instance_counts_for_its_upstream() -> None:
    tally = Tally("w", 10)
    tally.take([row(upstream="gpu@10.0.0.1:80"), row(upstream="gpu@10.0.0.2:80")])
    assert list(tally.changed()[0].entries) == [("key-1", "m", "gpu", "")]


def test_an_hour_that_was_forgotten_and_comes_again_is_another_record() -> None:
    tally = Tally("w", 10)
    tally.take([row()])
    (first,) = tally.changed()
    tally.forget(START + 5 * HOUR)
    assert tally.changed() == [first], "what is not stored is not forgotten"
    first.changed = False
    tally.forget(START + HOUR - 1)
    tally.take([row()])
    assert tally.changed() == [first]
    first.changed = False
    tally.forget(START + HOUR)
    tally.take([row()])
    (second,) = tally.changed()
    assert second.mark != first.mark


def test_time_without_calls_is_told_apart() -> None:
    tally = Tally("w", 10)
    tally.rest("gpu", 4, START + 5.0)
    tally.rest("gpu", 5, START + 6.0)
    (bucket,) = tally.changed()
    assert (bucket.hour().idle, bucket.hour().entries) == ({"gpu": 9}, [])
    assert tally.dump()["idle"] == {"gpu": 9}


def test_money_of_a_name_that_is_not_known_is_passed_over() -> None:
    tally = Tally("w", 10)
    tally.take([row(cost=1, money={"names": 5, "add": 1})])
    assert tally.changed()[0].entries["key-1", "m", "up", ""].cost == 1


def test_all_that_money_may_be_told_as_is_summed() -> None:
    """A name that Sums lacked would raise between calls."""
    assert {"cache", "coalescing", "batching", "routing", "prompt_cache", "estimated", "unpriced"} <= set(
        Sums.__struct_fields__
    )
    assert Finished._make(row()).money is None
