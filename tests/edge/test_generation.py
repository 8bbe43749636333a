import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.edge.generation import Generation, LocalRoute, client_address

TRUSTED = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "fd00::/8", "192.0.2.1/32")]


async def nothing(exchange: Exchange) -> Reply:
    raise AssertionError


def generation(**more: Any) -> Generation:
    return Generation(run=nothing, number=1, total_timeout=1.0, authorize=lambda headers, right: "", **more)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        # nobody may speak for others unless trusted
        ("203.0.113.9", b"198.51.100.1", "203.0.113.9"),
        ("203.0.113.9", b"", "203.0.113.9"),
        ("10.0.0.1", b"", "10.0.0.1"),
        # the nearest untrusted address, read from the right
        ("10.0.0.1", b"198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"1.1.1.1, 198.51.100.1, 10.2.3.4", "198.51.100.1"),
        ("192.0.2.1", b" 198.51.100.1 ", "198.51.100.1"),
        # all are ours: the one furthest away
        ("10.0.0.1", b"10.0.0.3, 10.0.0.2", "10.0.0.3"),
        # ports and brackets
        ("10.0.0.1", b"198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", b"[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", b'"[2001:db8::1]:4711"', "2001:db8::1"),
        ("10.0.0.1", b"[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.1", b"2001:db8::1", "2001:db8::1"),
        ("fd00::1", b"2001:db8::1, fd00::2", "2001:db8::1"),
        # one address, one spelling
        ("10.0.0.1", b"2001:DB8:0::1", "2001:db8::1"),
        ("10.0.0.1", b"::ffff:198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"198.51.100.1, ::ffff:10.0.0.2", "198.51.100.1"),
        # a peer on a socket for both families
        ("::ffff:10.0.0.1", b"198.51.100.1", "198.51.100.1"),
        ("::ffff:203.0.113.9", b"198.51.100.1", "::ffff:203.0.113.9"),
        # what is no address ends the chain at the last hop that is one
        ("10.0.0.1", b"unknown", "10.0.0.1"),
        ("10.0.0.1", b"198.51.100.1, _hidden", "10.0.0.1"),
        ("10.0.0.1", b"1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", b"198.51.100.1,", "10.0.0.1"),
        ("10.0.0.1", b"fe80::1%eth0", "10.0.0.1"),
        ("10.0.0.1", b"999.1.1.1", "10.0.0.1"),
        ("10.0.0.1", b"\xff\xfe", "10.0.0.1"),
        ("unix", b"198.51.100.1", "unix"),
    ],
)
def test_the_callers_address(peer: str, forwarded: bytes, client: str) -> None:
    assert client_address(peer, forwarded, TRUSTED) == client


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert client_address("10.0.0.1", b"198.51.100.1", []) == "10.0.0.1"


@given(st.lists(st.sampled_from(["1.1.1.1", "10.0.0.7", "x", "2.2.2.2:80"]), max_size=5), st.binary(max_size=40))
def test_what_stands_further_left_changes_nothing(chain: list[str], lie: bytes) -> None:
    """A caller writes what it likes; the proxy adds the caller's own address after it."""
    told = ", ".join([*chain, "198.51.100.7"]).encode()
    assert client_address("10.0.0.1", lie + b", " + told, TRUSTED) == "198.51.100.7"


@given(st.binary(max_size=60))
def test_it_is_always_an_address(forwarded: bytes) -> None:
    ipaddress.ip_address(client_address("10.0.0.1", forwarded, TRUSTED))


def test_the_last_to_leave_tells_whoever_waits() -> None:
    told: list[int] = []
    one = generation()
    one.enter()
    one.enter()
    one.on_empty = lambda: told.append(one.in_flight)
    one.leave()
    assert told == []
    one.leave()
    assert told == [0]


def test_routes_exact_before_beginnings() -> None:
    exact, prefix = LocalRoute(nothing, "call"), LocalRoute(nothing, "call")
    one = generation(routes={"/v1/models": exact, "/v1/models/x": exact}, prefixes={"/v1/models/": prefix})
    assert one.route("/v1/models") is exact
    assert one.route("/v1/models/x") is exact
    assert one.route("/v1/models/y") is prefix
    assert one.route("/v1/modelsx") is None
