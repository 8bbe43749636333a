from typing import Any

from penstock.core.finished import Finished
from penstock.core.sketch import put
from penstock.core.windows import Group, Window
from penstock.edge.live_sums import MOST_MODELS, counts_of, live, models_of


def finished(**said: Any) -> Finished:
    """A call of which nothing is known but what is ``said``."""
    blank = {"str": "", "int": 0, "float": 0.0, "bool": False}
    fields = {name: blank.get(str(kind)) for name, kind in Finished.__annotations__.items()}
    return Finished(**{**fields, **said})


def pulse(worker: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "worker": worker, "started": 1.0, "calls": 0, "faults": {}, "retries": {}, "in_flight": 0, "queued": 0,
        "streams": {"open": 0, "slow": 0, "rescued": 0}, "upstreams": {}, "awaited": [], "unserved": [], "leads": None,
        "memory": {"share": 0.1, "level": 0, "rss": 1, "limit": 10, "refused": 0},
    } | more  # fmt: skip


def upstream(state: str = "closed", back_in: float = 0.0, **more: Any) -> dict[str, Any]:
    return {"state": state, "back_in": back_in, "share": 1.0, "in_flight": 1} | more


def test_what_was_counted_since_is_told_by_fault_and_by_whom() -> None:
    before = {0: pulse(calls=100, faults={"upstream a": 3}), 1: pulse(1, calls=50)}
    now = [
        pulse(calls=160, faults={"upstream a": 9, "caller ": 1}, retries={"a": 4}, in_flight=2, queued=1),
        pulse(1, calls=70, faults={"upstream b": 2, "gateway ": 1}, in_flight=1),
    ]
    told = live(now, before, 8.0, 1000.0)
    assert (told["calls"], told["calls_per_second"]) == (80, 10.0)
    assert told["faults"] == {"caller": 1, "gateway": 1, "upstream": 8}
    assert told["blamed"][0] == {"fault": "upstream", "upstream": "a", "calls": 6}
    assert told["retried"] == {"a": 4}
    assert (told["in_flight"], told["queued"], told["workers"]) == (3, 1, 2)


def test_a_worker_that_began_anew_has_counted_all_of_it_since() -> None:
    before = {0: pulse(calls=100, faults={"upstream a": 3})}
    told = live([pulse(started=2.0, calls=5, faults={"upstream a": 1})], before, 10.0, 0.0)
    assert (told["calls"], told["faults"]["upstream"]) == (5, 1)
    assert live([pulse(1, calls=7)], before, 10.0, 0.0)["calls"] == 7


def test_the_first_look_takes_what_was_found_in_the_last_calls() -> None:
    recent = {"calls": 20, "faults": {"gateway ": 2}}
    now = pulse(calls=1000, retries={"a": 9, "b": 1}, recent=recent)
    told = live([now], {0: pulse(retries={"a": 2, "b": 1})}, 10.0, 0.0, recent=True)
    assert told["retried"] == {"a": 7}
    assert (told["calls"], told["calls_per_second"], told["faults"]["gateway"]) == (20, 2.0, 2)


def test_calls_that_ended_before_do_not_count() -> None:
    rows = [finished(at=1.0, fault="upstream", upstream="a"), finished(at=9.0, fault="upstream", upstream="a")]
    assert counts_of(map(tuple, [*rows, finished(at=9.5)]), 5.0) == {"calls": 2, "faults": {"upstream a": 1}}


def test_of_an_upstream_the_worst_is_told_and_when_it_is_back() -> None:
    now = [
        pulse(upstreams={"a": upstream(), "b": upstream("open", 4.0), "c": upstream(share=0.5)}),
        pulse(1, upstreams={"a": upstream("open", 7.0), "b": upstream("half_open"), "c": upstream("odd")}),
    ]
    rows = live(now, {}, 10.0, 1000.0)["upstreams"]
    assert [(row["name"], row["state"], row["returns_at"]) for row in rows] == [
        ("a", "open", 1007.0), ("b", "open", 1004.0), ("c", "odd", None),
    ]  # fmt: skip
    assert [(row["in_flight"], row["workers"]) for row in rows] == [(2, 1), (2, 2), (2, 1)]


def test_a_model_is_unserved_only_where_no_worker_serves_it() -> None:
    assert live([pulse(unserved=["m", "n"]), pulse(1, unserved=["n"])], {}, 10.0, 0.0)["unserved"] == ["n"]
    told = live([], {}, 10.0, 0.0)
    assert (told["unserved"], told["memory"], told["workers"], told["models"]) == ([], None, 0, [])


def test_what_the_leader_found_is_among_it() -> None:
    leads = {"models": [{"model": "m"}], "parts": ["cost"], "alerts": []}
    assert live([pulse(1), pulse(leads=leads)], {}, 10.0, 0.0)["parts"] == ["cost"]


def test_percentiles_of_a_model_over_windows_and_upstreams() -> None:
    windows = []
    for start in (0.0, 10.0):
        groups = [Group("chat", "m", name, calls=50, faults={"upstream": 1}, hits=5) for name in ("a", "b")]
        for group in groups:
            for number in range(1, 51):
                put(group.totals, number / 10)
                put(group.firsts, number / 100)
            group.tokens_out, group.generating = 100, 4.0
        windows.append(Window(start, groups=[*groups, Group("chat", "rare", "a", calls=1)]))
    first, rare = models_of(windows)
    assert (first["model"], first["calls"], first["failed"], first["hits"], first["measured"]) == ("m", 200, 4, 20, 200)
    assert abs(first["total"]["p50"] - 2.5) < 0.15
    assert abs(first["ttft"]["p99"] - 0.5) < 0.03
    assert first["tokens_per_second"] == 25.0
    assert (rare["ttft"], rare["total"], rare["tokens_per_second"]) == (None, None, None)


def test_no_more_models_than_fit() -> None:
    groups = [Group("chat", f"m{number}", "a", calls=number) for number in range(MOST_MODELS + 5)]
    assert models_of([Window(0.0, groups=groups)])[0]["model"] == f"m{MOST_MODELS + 4}"
    assert len(models_of([Window(0.0, groups=groups)])) == MOST_MODELS
