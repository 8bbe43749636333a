import contextlib
import socket
import sys

import pytest

from penstock.net.tcp_info import RECEIVE_BYTES, bound_receiving, bytes_acked, round_trip, unacknowledged, unread


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


def test_what_has_come_and_was_not_taken_is_counted() -> None:
    left, right = socket.socketpair()
    with left, right:
        assert unread(right) == 0
        left.sendall(b"a" * 100)
        assert unread(right) == 100
        right.recv(60)
        assert unread(right) == 40
    assert unread(None) == 0
    assert unread(right) == 0


def test_what_is_no_tcp_socket_tells_nothing() -> None:
    assert bytes_acked(None) is None
    left, right = socket.socketpair()
    with left, right:
        assert bytes_acked(left) is None


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux's")
def test_the_round_trip_on_one_machine_is_short() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as ours:
        measured = round_trip(ours)
        assert measured is not None
        assert 0 < measured < 0.05


def test_what_the_peer_has_not_taken_is_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as ours:
        assert unacknowledged(ours) == 0
        ours.setblocking(False)
        sent = 0
        try:
            while True:
                sent += ours.send(bytes(65536))
        except BlockingIOError:
            pass
        assert 0 < unacknowledged(ours) <= sent


def test_what_is_no_connection_has_no_round_trip_and_holds_nothing() -> None:
    assert round_trip(None) is None
    assert unacknowledged(None) == 0
    left, right = socket.socketpair()
    with left, right:
        assert round_trip(left) is None


def test_what_nobody_reads_is_taken_in_up_to_a_bound() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as ours:
        bound_receiving(ours)
        theirs, _ = listener.accept()
        with theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
            theirs.setblocking(False)
            sent = 0
            with contextlib.suppress(BlockingIOError):
                while sent < 16 * RECEIVE_BYTES:
                    sent += theirs.send(b"a" * 65536)
            assert sent < 4 * RECEIVE_BYTES
    bound_receiving(None)
