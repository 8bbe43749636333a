from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.load import BASE_TOKENS, FRESH_SECONDS, Load, Peers, Stay
from penstock.routing.scraped import Scraped


def serve(load: Load, now: float, tokens: float, first: float, gap: float, answer: int = 20) -> None:
    """One call, from its sending to its end."""
    stay = load.begin(now, tokens)
    load.first_token(stay, now + first)
    load.end(stay, now + first + gap * (answer - 1), answer)


def test_credited_on_dispatch_released_at_the_first_token_gone_at_the_end() -> None:
    load = Load(Peers())
    one, other = load.begin(0.0, 300.0), load.begin(0.1, 200.0)
    assert (load.waiting, load.decoding, load.calls) == (500.0, 0, 2)
    assert (other.ahead, other.work) == (300.0, 200.0)
    load.first_token(one, 0.2)
    assert (load.waiting, load.decoding, load.calls) == (200.0, 1, 2)
    load.first_token(one, 0.3)
    load.end(one, 1.0, 10)
    load.end(other, 1.0)
    assert (load.waiting, load.decoding, load.calls) == (0.0, 0, 0)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.sampled_from(["first", "end", "both"])), max_size=40))
def test_whatever_happens_an_empty_server_has_nothing_waiting(calls: Sequence[tuple[float, str]]) -> None:
    load, stays = Load(Peers()), list[Stay]()
    for number, (tokens, what) in enumerate(calls):
        stays.append(load.begin(float(number), tokens))
        if what != "end":
            load.first_token(stays[-1], number + 0.5)
        if what != "first":
            load.end(stays.pop(0), number + 0.7, 5)
    for stay in stays:
        load.end(stay, 100.0)
    assert (load.waiting, load.decoding, load.calls) == (0.0, 0, 0)
    assert load.crowd == pytest.approx(load.slow**2)


def test_what_is_ready_is_what_is_so_while_somebody_compares() -> None:
    load = Load(Peers())
    alone = load.begin(0.0, 500.0)
    assert (load.queue, load.crowd) == (BASE_TOKENS, 1.0)
    load.rank(0.0)
    assert (load.queue, load.crowd) == (500.0 + BASE_TOKENS, 8.0)
    load.end(alone, 0.0)
    assert (load.queue, load.crowd) == (BASE_TOKENS, 1.0)
    stay = load.begin(0.0, 1000.0)
    assert (load.queue, load.slow, load.crowd) == (1000.0 + BASE_TOKENS, 1.0, 8.0)
    load.first_token(stay, 0.2)
    assert load.crowd == 8.0
    load.end(stay, 1.0)
    assert (load.crowd, load.waiting) == (1.0, 0.0)


def test_the_slower_of_two_is_told_apart_and_equals_are_not() -> None:
    peers = Peers()
    loads = [Load(peers) for _ in range(3)]
    for load in loads:
        load.rank(0.0)
    for number in range(60):
        for load, slow in zip(loads, (1.0, 1.0, 3.0), strict=True):
            serve(load, number * 10.0, 1000.0, slow * 0.2, slow * 0.02)
    assert loads[0].slow == pytest.approx(loads[1].slow, rel=0.03)
    assert loads[2].slow > 1.8 * loads[0].slow
    assert loads[2].first_seconds(1000.0, 600.0) > 1.8 * loads[0].first_seconds(1000.0, 600.0)
    assert loads[2].gap_seconds(600.0) > 1.8 * loads[0].gap_seconds(600.0)
    assert loads[2].first.at(1000.0) > loads[0].first.at(1000.0)
    assert loads[2].gap.at(1.0) > loads[0].gap.at(1.0)


def test_a_call_that_hangs_shows_at_once() -> None:
    load = Load(Peers())
    load.begin(0.0, 1000.0)
    expected = load.first_seconds(0.0, 0.0)
    assert load.overdue(0.1) == 0.0
    load.tally(0.1)
    calm = load.queue
    load.tally(30.0)
    assert load.queue > calm + 1000
    assert load.first_seconds(0.0, 30.0) > expected + 29
    assert load.overdue(30.0) == pytest.approx(30 - expected, abs=0.01)


def test_a_whole_answer_teaches_what_came_beyond_the_first_token() -> None:
    load = Load(Peers())
    for number in range(80):
        stay = load.begin(number * 10.0, 100.0)
        load.end(stay, number * 10.0 + stay.expected + 0.04 * 50, 50)
    assert load.peers.gap.at(1) == pytest.approx(0.04, rel=0.1)
    assert load.pace_first.points == 0


def test_a_call_that_failed_teaches_nothing() -> None:
    load = Load(Peers())
    load.end(load.begin(0.0, 100.0), 50.0)
    assert (load.pace.points, load.pace_first.points, load.peak_gap.value) == (0, 0, None)
    assert load.first is load.peers.first
    assert load.gap is load.peers.gap


def test_a_fresh_page_counts_and_a_stale_one_never_does() -> None:
    load = Load(Peers())
    load.scraped = Scraped(10.0, running=6.0, waiting=2.0, kv=0.99, ours=3)
    load.tally(11.0)
    assert load.crowd == 6.0**3  # five of others, and the one to come
    assert load.queue > BASE_TOKENS
    assert (load.kv(11.0), load.others(11.0)) == (0.99, 5.0)
    assert load.first_seconds(0.0, 11.0) > 5.0
    load.tally(10.0 + FRESH_SECONDS + 1)
    assert (load.crowd, load.queue) == (1.0, BASE_TOKENS)
    assert (load.kv(30.0), load.others(30.0)) == (0.0, 0.0)
    assert load.first_seconds(0.0, 30.0) < 1.0


def test_a_page_without_a_metric_says_nothing_of_it() -> None:
    load = Load(Peers())
    load.scraped = Scraped(0.0)
    load.tally(1.0)
    assert (load.crowd, load.queue, load.kv(1.0), load.others(1.0)) == (1.0, BASE_TOKENS, 0.0, 0.0)
    load.scraped = Scraped(0.0, running=1.0, ours=9)
    assert load.others(1.0) == 0.0
