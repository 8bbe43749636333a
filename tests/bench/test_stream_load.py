"""The paced upstream and the stream client against each other, and the client against a stream with faults."""

from __future__ import annotations

import dataclasses
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import machine, payload, rig, upstream
from bench.process import Running
from bench.stream_load import Load, Plan, Result, first_events_us

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


def plan(port: int, streams: int, events: int) -> Plan:
    body = payload.small_chat(stream=True, max_tokens=events)
    return Plan(port, body, {"Content-Type": "application/json"}, streams, events, 0.05, settle_seconds=0.0)


@pytest.fixture
def paced(tmp_path: Path) -> Iterator[int]:
    port = machine.free_port()
    argv = [sys.executable, "-m", "bench.upstream", "--port", str(port), "--interval", "0.005"]
    process = Running(argv, machine.cores()[0], tmp_path / "log", {"PYTHONPATH": str(machine.ROOT)})
    try:
        rig.wait_until_it_answers(process, port, {}, "upstream")
        yield port
    finally:
        process.stop()


def test_every_event_of_every_stream_arrives_once(paced: int) -> None:
    result = Load(plan(paced, streams=20, events=30)).run()
    assert (result.opened, result.finished, result.unfinished) == (20, 20, 0)
    assert (result.lost, result.doubled, result.errors) == (0, 0, [])
    assert len(result.first_event_us) == 20


def test_streams_are_followed_by_others_and_some_clients_leave(paced: int) -> None:
    long = dataclasses.replace(plan(paced, streams=20, events=20), window_seconds=0.5, renewed=True, leaving=0.3)
    result = Load(long).run()
    assert result.opened > 40
    assert result.left > 5
    assert (result.finished + result.left, result.unfinished) == (result.opened, 0)
    assert (result.lost, result.doubled, result.errors) == (0, 0, [])


def test_short_streams_follow_one_another_on_one_connection(paced: int) -> None:
    taken = first_events_us(plan(paced, streams=1, events=1), times=5)
    assert len(taken) == 5
    assert min(taken) > 0


def played(pieces: list[bytes], events: int) -> Result:
    """What the client says of one stream that comes in these pieces."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                line.recv(65536)
                for piece in pieces:
                    line.sendall(piece)

        speaker = threading.Thread(target=answer)
        speaker.start()
        result = Load(plan(listener.getsockname()[1], 1, events)).run()
        speaker.join()
    return result


def test_events_cut_anywhere_are_counted_once() -> None:
    whole = HEAD + b"".join(upstream.event(number, 1) for number in range(4)) + END
    result = played([whole[at : at + 7] for at in range(0, len(whole), 7)], 4)
    assert (result.finished, result.lost, result.doubled, result.errors) == (1, 0, 0, [])


def test_a_stream_sent_whole_ends_without_chunks() -> None:
    body = b"data: #00000000@0000000000000001\n\ndata: [DONE]\n\n"
    result = played([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)], 1)
    assert (result.finished, result.errors) == (1, [])


def test_lost_and_doubled_events_are_seen() -> None:
    numbers = [0, 1, 1, 4]
    result = played([HEAD, *(upstream.event(number, 1) for number in numbers), END], 5)
    assert (result.lost, result.doubled) == (2, 1)


def test_a_cut_stream_and_a_refusal_are_errors() -> None:
    cut = played([HEAD, upstream.event(0, 1)], 3)
    assert cut.errors == ["closed after 1 events"]
    refused = played([b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"], 3)
    assert "503" in refused.errors[0]


def test_an_end_without_done_is_an_error() -> None:
    result = played([HEAD, upstream.event(0, 1), b"0\r\n\r\n"], 1)
    assert result.errors == ["ended without [DONE]"]


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b'{"stream": true, "max_tokens": 7}', 7),
        (b'{"max_completion_tokens":9,"stream":true}', 9),
        (b'{"stream":true}', 16),
        (b'{"stream":false,"max_tokens":7}', 0),
        (b'{"max_tokens":7}', 0),
    ],
)
def test_upstream_reads_how_many_events_are_wanted(body: bytes, events: int) -> None:
    assert upstream.wanted_events(body) == events
