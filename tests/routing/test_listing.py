from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.config import Config
from penstock.routing.config import RoutingConfig
from penstock.routing.discovery.instances import Instance
from penstock.routing.listing import added_up, counted, listing, losses, victim
from penstock.routing.live import Live, in_force, with_found
from penstock.routing.prefix import PrefixIndex
from penstock.routing.targets import Target
from tests.support.targets import Upstream, ask, exchange

FILE = """
upstreams:
  a: {kind: vllm, base_url: "http://10.0.0.1/v1", region: eu, weight: 3}
  b: {kind: echo}
  c: {kind: echo, drain: true}
  d: {kind: vllm, discover: {file: f}}
models:
  m: {upstreams: [a, b]}
  n: {upstreams: [c], canary: {upstreams: [b], upstream_model: x}}
  o: {upstreams: [d, a]}
"""


def routing(live: Live = with_found(Live(), "d", (Instance("h", 1),))) -> RoutingConfig:  # noqa: B008
    return in_force(Config.parse(FILE, "c.yaml", {}).of(RoutingConfig), live)


def counts(in_flight: int = 0, sessions: int = 0, blocks: int = 0, learned: Any = None) -> dict[str, Any]:
    return {
        "in_flight": in_flight, "served": 9, "connections": 2, "sessions": sessions, "blocks": blocks,
        "learned": learned,
    }  # fmt: skip


def rates(points: float, first: float) -> dict[str, float]:
    return {
        "first_token_seconds": first, "prefill_tokens_per_second": 100.0, "seconds_per_token": 0.02, "points": points,
    }  # fmt: skip


def test_what_one_worker_counts_of_a_target() -> None:
    prefixes = PrefixIndex(1000)
    target = Target("a", Upstream("a"), prefixes=prefixes)
    asked = ask(tokens=1000.0)
    asked.blocks, asked.bounds, asked.size = [1, 2, 3], [1, 2, 3], 3
    seat = target.take_seat(exchange(), asked)
    row = counted(target, connections=4, sessions=5)
    assert row == counts(1, 5, 3) | {"served": 1, "connections": 4}
    seat.first_token(2.0)
    learned = counted(target, connections=0, sessions=0)["learned"]
    assert learned["points"] == 1.0
    took = learned["first_token_seconds"] + 1000.0 / learned["prefill_tokens_per_second"]
    assert took == pytest.approx(target.load.first.at(1000.0))


def test_two_workers_add_up_and_rates_are_weighed_by_what_they_stand_on() -> None:
    total = added_up(counts(1, 2, 3, rates(1.0, 0.5)), counts(10, 20, 30, rates(3.0, 0.1)))
    assert (total["in_flight"], total["sessions"], total["blocks"], total["served"]) == (11, 22, 33, 18)
    assert total["learned"] == rates(4.0, 0.2)
    assert added_up(counts(), counts(learned=rates(2.0, 0.1)))["learned"] == rates(2.0, 0.1)
    assert added_up(counts(), counts())["learned"] is None


def test_a_row_an_upstream_with_the_models_that_use_it() -> None:
    rows = {row["name"]: row for row in listing(routing(), [{"a": counts(2)}, {"a": counts(1)}], complete=True)}
    assert list(rows) == ["a", "b", "c", "d@h:1"]
    assert rows["a"] == {
        "name": "a", "kind": "vllm", "region": "eu", "weight": 3, "models": ["m", "o"], "draining": False,
        "drained": False, "still_serves": [], **added_up(counts(2), counts(1)),
    }  # fmt: skip
    assert (rows["b"]["models"], rows["d@h:1"]["models"]) == (["m", "n@canary"], ["o"])
    assert rows["b"]["served"] == 0  # no worker told of it yet


def test_one_that_is_gone_from_the_config_is_listed_while_its_calls_run() -> None:
    rows = listing(routing(), [{"old": counts(1)}], complete=True)
    assert [(row["name"], row["draining"], row["drained"], row["kind"]) for row in rows[-1:]] == [
        ("old", True, False, None)
    ]
    assert listing(routing(), [{"old": counts()}], complete=True)[-1]["drained"]


def draining(in_flight: int, *, complete: bool = True, text: str = FILE) -> dict[str, Any]:
    config = Config.parse(text, "c.yaml", {}).of(RoutingConfig)
    return listing(config, [{"b": counts(in_flight)}], complete=complete)[1]


def test_drained_is_said_only_when_it_is_sure() -> None:
    text = FILE.replace("b: {kind: echo}", "b: {kind: echo, drain: true}")
    assert draining(0, text=text)["drained"] is False  # n's canary has nobody else
    text = text.replace(", canary: {upstreams: [b], upstream_model: x}", "")
    assert draining(0, text=text)["drained"] is True
    assert draining(1, text=text)["drained"] is False
    assert draining(0, text=text, complete=False)["drained"] is False  # a silent worker may have calls there
    assert draining(0)["drained"] is False
    both = listing(Config.parse(text, "c.yaml", {}).of(RoutingConfig), [{}], complete=True)
    assert both[2]["still_serves"] == ["n"]  # all of them drain, so calls still come
    assert not both[2]["drained"]


def test_an_upstream_outside_the_regions_of_a_model_does_not_serve_it() -> None:
    text = FILE.replace("m: {upstreams: [a, b]}", "m: {upstreams: [a, b], regions: [eu]}")
    rows = listing(Config.parse(text, "c.yaml", {}).of(RoutingConfig), [], complete=True)
    assert [row["models"] for row in rows[:2]] == [["m", "o"], ["n@canary"]]


def row(name: str, in_flight: int = 0, sessions: int = 0, blocks: int = 0, **more: Any) -> dict[str, Any]:
    told = {"name": name, "models": ["m"], "draining": False, "drained": False, "still_serves": []}
    return told | counts(in_flight, sessions, blocks) | more


def chosen(*rows: dict[str, Any], model: str = "m") -> str | None:
    found = victim(rows, model)
    return None if found is None else found["upstream"]


def test_the_emptiest_goes_first() -> None:
    assert chosen(row("a", 3), row("b", 1), row("c", 2)) == "b"
    assert chosen(row("a", 1, 9), row("b", 1, 2), row("c", 1, 5)) == "b"
    assert chosen(row("a", blocks=9), row("b", blocks=8)) == "b"
    assert chosen(row("b"), row("a")) == "a"  # of equals the first by name
    # 2 of 20 calls but 90 of 100 sessions, against 8 calls and 10 sessions.
    assert chosen(row("a", 2, 90), row("b", 8, 10), row("c", 10, 0, 1)) == "b"


def test_one_that_drains_goes_before_all_others() -> None:
    assert chosen(row("a"), row("b", 5, draining=True), row("c", 7, draining=True)) == "b"


def test_nobody_goes_who_is_the_last_of_some_model() -> None:
    assert chosen(row("a")) is None
    assert chosen(row("a"), row("b", 9, draining=True)) == "b"
    assert chosen(row("a"), row("b", 9, models=["m", "n"])) == "a"
    assert chosen(row("a", models=["m", "n"]), row("b", 9, models=["m", "n"])) == "a"
    assert chosen(row("a", models=["m", "x"]), row("b", models=["m", "y"])) is None
    assert chosen(row("a", draining=True, still_serves=["m"])) is None
    assert chosen(row("a"), row("b"), model="other") is None


NUMBERS = st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.booleans())


@given(st.lists(NUMBERS, min_size=1, max_size=6))
def test_no_other_holds_less_of_everything(numbers: list[tuple[int, int, int, bool]]) -> None:
    rows = [row(f"u{at}", *three, draining=drain) for at, (*three, drain) in enumerate(numbers)]
    serving = sum(not one["draining"] for one in rows)
    found = victim(rows, "m")
    if found is None:
        assert serving <= 1
        assert not any(one["draining"] for one in rows)
        return
    (taken,) = [one for one in rows if one["name"] == found["upstream"]]
    for other in rows:
        if other["draining"] == taken["draining"] and other is not taken:
            fields = ("in_flight", "sessions", "blocks")
            assert any(other[field] > taken[field] for field in fields) or all(
                other[field] == taken[field] for field in fields
            )
    assert 0.0 <= found["loss"] <= 3.0


def test_what_a_loss_costs_are_its_shares_of_what_all_hold() -> None:
    rows = [
        {"in_flight": 3, "sessions": 0, "blocks": 0},
        {"in_flight": 1, "sessions": 2, "blocks": 0},
    ]
    assert losses(rows) == [0.75, 1.25]
    assert losses([{"in_flight": 0, "sessions": 0, "blocks": 0}]) == [0.0]
