import os
import socket

import pytest

from penstock.process.port_owner import port_owner

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/net"), reason="only /proc tells")


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_who_listens_is_named(family: socket.AddressFamily, host: str) -> None:
    with socket.socket(family) as listener:
        try:
            listener.bind((host, 0))
        except OSError:
            pytest.skip("no IPv6 here")
        port = listener.getsockname()[1]
        assert port_owner(port) == ""  # bound is not listening
        listener.listen()
        name, _, pid = port_owner(port).partition(" (pid ")
        assert int(pid.removesuffix(")")) == os.getpid()
        assert name
    assert port_owner(port) == ""


def test_where_nothing_can_be_told_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = open

    def closed(path: str, *rest: object, **more: object) -> object:
        if str(path).startswith("/proc/net"):
            raise FileNotFoundError(path)
        return real(path, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", closed)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert port_owner(listener.getsockname()[1]) == ""
