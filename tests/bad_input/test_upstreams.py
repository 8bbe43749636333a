"""Upstreams that cannot be reached, break off or hang: 502 or 504 that names them, and whether another try may help."""

import http.client
import json
import socket

import pytest

from tests.bad_input.asking import CHAT, GOOD, MESSAGES, Place, ask, in_dialect
from tests.support.scripted_upstream import EVENTS, Answer, ScriptedUpstream


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize(
    ("model", "status", "words"),
    [
        ("refused", 502, "refused the connection"),
        ("full", 504, "did not accept a connection within 0.4 s"),
        ("nameless", 502, "cannot be resolved"),
        ("selfsigned", 502, "certificate that does not verify"),
        ("plaintext", 502, "failed the TLS handshake"),
    ],
)
def test_an_upstream_that_cannot_be_reached(
    place: Place, hasty: Place, path: str, model: str, status: int, words: str
) -> None:
    answer = ask(hasty if model == "full" else place, path, {**GOOD, "model": model})
    assert answer.status == status
    message = in_dialect(answer, path)["message"]
    assert f"upstream '{model}'" in message
    assert words in message
    assert answer.headers["x-penstock-fault"] == "upstream"
    assert answer.headers["x-should-retry"] == "true"


def _reset(connection: socket.socket, request: object) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    raise ConnectionAbortedError  # the upstream closes now, and so resets


def _close(connection: socket.socket, request: object) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def _nonsense(connection: socket.socket, request: object) -> None:
    connection.sendall(b"220 smtp.example.org ESMTP\r\n")
    connection.shutdown(socket.SHUT_RDWR)


def _hang(connection: socket.socket, request: object) -> None:
    connection.recv(1)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize(
    ("behaviour", "status", "words"),
    [
        (_reset, 502, "reset the connection before answering"),
        (_close, 502, "closed the connection before answering"),
        (_nonsense, 502, "sent malformed HTTP"),
        (_hang, 504, "upstream 'scripted'"),
    ],
)
def test_an_upstream_that_fails_before_it_answers(
    place: Place, hasty: Place, upstream: ScriptedUpstream, path: str, behaviour: object, status: int, words: str
) -> None:
    upstream.answers[path] = behaviour
    answer = ask(hasty if behaviour is _hang else place, path, {**GOOD, "model": "scripted"})
    assert (answer.status, len(upstream.requests)) == (status, 1)
    assert words in in_dialect(answer, path)["message"]
    assert "x-should-retry" in answer.headers


def test_a_stream_that_never_begins_is_504(hasty: Place, upstream: ScriptedUpstream) -> None:
    upstream.answers[CHAT] = _hang
    answer = ask(hasty, CHAT, {**GOOD, "model": "scripted", "stream": True})
    assert answer.status == 504
    assert "upstream 'scripted'" in answer.error["message"]
    assert answer.error["code"] == "upstream_timeout"


def test_a_stream_that_stands_still_ends_with_an_error_event(hasty: Place, upstream: ScriptedUpstream) -> None:
    def stall(connection: socket.socket, request: object) -> None:
        connection.sendall(Answer(headers=(EVENTS,), chunks=()).head() + b"a\r\ndata: {}\n\n\r\n")
        connection.recv(1)

    upstream.answers[CHAT] = stall
    answer = ask(hasty, CHAT, {**GOOD, "model": "scripted", "stream": True})
    events = [event for event in answer.body.replace(b"\r\n", b"\n").split(b"\n\n") if event]
    assert events[0] == b"data: {}"
    assert json.loads(events[-1].removeprefix(b"data: "))["error"]["code"] == "upstream_stalled"
    assert b"[DONE]" not in answer.body


def test_a_cut_whole_answer_never_looks_whole(place: Place, upstream: ScriptedUpstream) -> None:
    def cut(connection: socket.socket, request: object) -> None:
        connection.sendall(Answer(body=b"x" * 200_000).head() + b"x" * 100_000)
        connection.shutdown(socket.SHUT_RDWR)

    upstream.answers[CHAT] = cut
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        ask(place, CHAT, {**GOOD, "model": "scripted"})


def test_after_all_that_it_serves(place: Place, hasty: Place) -> None:
    for one in (place, hasty):
        answer = ask(one, CHAT, GOOD)
        assert answer.status == 200
        log = (one.gateway.home / "log").read_text()
        assert "Traceback" not in log
        assert one.gateway.key not in log
