import json

import pytest

from penstock.routing.learned import LEAST_POINTS, learned
from penstock.routing.load import FRESH_SECONDS, Peers
from penstock.routing.scraped import Scraped
from penstock.routing.strategies.strategy import Shared
from penstock.routing.targets import Target
from tests.support.targets import Upstream, ask, exchange


def test_before_anything_was_measured_rates_are_unknown() -> None:
    one, shared = Target("a", Upstream("a")), Shared()
    assert learned([one], shared, 0.0) == {
        "rows": [
            [
                "a",
                {
                    "waiting_tokens": 0.0, "decoding": 0, "prefix_blocks": 0,
                    "prefill_rate": None, "token_seconds": None, "kv_use": None, "reported_calls": None,
                },
            ]
        ],
        "sessions": 0,
    }  # fmt: skip


def test_what_was_measured_and_told() -> None:
    peers, shared = Peers(), Shared()
    one, other = (Target(name, Upstream(name), peers=peers, prefixes=shared.prefixes) for name in "ab")
    for number in range(200):
        tokens = 1000.0 * (1 + number % 5)
        stay = one.load.begin(float(number), tokens)
        one.load.first_token(stay, number + 0.1 + tokens / 5000)
        one.load.end(stay, number + 0.1 + tokens / 5000 + 0.03 * 10, 11)
    made = ask(tokens=300.0, now=500.0)
    made.blocks = [1, 2, 3]
    one.take_seat(exchange(), made)
    one.load.scraped = Scraped(500.0, 4.0, 1.0, 0.5)
    shared.sessions.keep("s", "a", 500.0)
    told = learned([one, other], shared, 500.0)
    assert json.loads(json.dumps(told)) == told
    (name, row), (_, unknown) = told["rows"]
    assert (name, told["sessions"]) == ("a", 1)
    assert (row["waiting_tokens"], row["decoding"], row["prefix_blocks"]) == (300.0, 0, 3)
    assert row["prefill_rate"] == pytest.approx(5000, rel=0.1)
    assert row["token_seconds"] == pytest.approx(0.03, rel=0.1)
    assert (row["kv_use"], row["reported_calls"]) == (0.5, 5.0)
    assert (unknown["prefill_rate"], unknown["token_seconds"]) == (None, None)  # known of others, not of this one


def test_what_is_not_fresh_is_not_told() -> None:
    one = Target("a", Upstream("a"))
    one.load.scraped = Scraped(0.0, None, None, 0.5)
    for now, kv in ((FRESH_SECONDS, 0.5), (FRESH_SECONDS + 1, None)):
        ((_, row),) = learned([one], Shared(), now)["rows"]
        assert (row["kv_use"], row["reported_calls"]) == (kv, None)


def test_a_few_calls_are_no_measurement() -> None:
    one = Target("a", Upstream("a"))
    for number in range(12):
        stay = one.load.begin(float(number), 100.0)
        one.load.first_token(stay, number + 0.1)
        one.load.end(stay, number + 0.5, 10)
        ((_, row),) = learned([one], Shared(), 100.0)["rows"]
        assert (row["prefill_rate"] is None) == (row["token_seconds"] is None) == (one.load.first.weight < LEAST_POINTS)
    assert row["token_seconds"] is not None
