import os
import socket
from collections.abc import Iterator

import pytest

from penstock.net import listeners
from penstock.net.listeners import strangers

SESSION = os.getsid(0)


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    kind = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.create_server((request.param, 0), family=kind, dualstack_ipv6=":" in request.param) as one:
        yield int(one.getsockname()[1])


def test_what_we_listen_on_ourselves_is_no_strangers(port: int) -> None:
    assert strangers(port, SESSION) == set()


def test_what_another_user_listens_on_is(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    me = os.geteuid()
    monkeypatch.setattr(listeners, "ROOT", 54_321)
    monkeypatch.setattr(listeners.os, "geteuid", lambda: 54_321)
    assert strangers(port, -1) == {me}
    assert strangers(port, SESSION) == set(), "who belongs to the child's session may be somebody else (sudo)"


def test_where_nobody_listens_or_another_address_is_meant_nobody_is_a_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "ROOT", 54_321)
    monkeypatch.setattr(listeners.os, "geteuid", lambda: 54_321)
    with socket.socket() as ours:  # so that no other test listens on the same port of 127.0.0.1
        ours.bind(("127.0.0.1", 0))
        port = ours.getsockname()[1]
        with socket.create_server(("127.0.0.2", port)):
            assert strangers(port, -1) == set()
    assert strangers(1, -1) == set()
