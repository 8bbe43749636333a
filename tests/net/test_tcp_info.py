import socket
import sys

import pytest

from penstock.net.tcp_info import bytes_acked


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux's")
def test_acknowledged_bytes_are_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as ours:
        start = bytes_acked(ours)
        assert start is not None
        assert start <= 1
        ours.sendall(b"a" * 1000)
        theirs, _ = listener.accept()
        with theirs:
            theirs.recv(1000, socket.MSG_WAITALL)
            assert bytes_acked(ours) == start + 1000
            theirs.close()
            assert bytes_acked(ours) == start + 1000


def test_what_is_no_tcp_socket_tells_nothing() -> None:
    assert bytes_acked(None) is None
    left, right = socket.socketpair()
    with left, right:
        assert bytes_acked(left) is None
