from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.net.response import Response, ResponseHead
from penstock.providers.event_frames import EventFrames
from tests.core.conformance import CUT, Judge, Wire
from tests.core.conformance import exchange as new_exchange

CONTENT = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
USAGE = (
    b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,'
    b'"prompt_tokens_details":{"cached_tokens":5}}}\n\n'
)
DONE = b"data: [DONE]\n\n"


def relay(*parts: bytes, withhold: bool, cut: bool = False) -> tuple[Judge, Exchange, Wire]:
    """What flows when the upstream sends ``parts``."""
    wire, one = Wire(), new_exchange()
    response = Response(wire, ResponseHead(200, []), None)
    frames = EventFrames(response, one, withhold=withhold)
    judge = Judge(frames)
    judge.do("start")
    for part in parts:
        if not wire.aborted:
            response.deliver([part])
    if not wire.aborted:
        response.finish(CUT if cut else None)
    return judge, one, wire


def cut_at(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places} - {0}), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if end > start]


@given(st.lists(st.integers(0, 1000), max_size=12))
def test_however_the_bytes_are_cut_frames_are_whole_events_and_nothing_is_lost(places: list[int]) -> None:
    data = CONTENT * 3 + DONE
    judge, _, _ = relay(*cut_at(data, places), withhold=False)
    assert b"".join(judge.frames) == data
    assert all(frame.endswith(b"\n\n") and frame.startswith(b"data:") for frame in judge.frames)
    assert judge.ends == [None]


@given(st.lists(st.integers(0, 1000), max_size=12))
def test_usage_that_only_we_asked_for_is_noted_and_withheld(places: list[int]) -> None:
    judge, one, _ = relay(*cut_at(CONTENT + USAGE + DONE, places), withhold=True)
    assert b"".join(judge.frames) == CONTENT + DONE
    assert (one.tokens_in, one.tokens_out, one.tokens_cached) == (7, 3, 5)


def test_usage_that_the_caller_asked_for_is_noted_and_passed_on() -> None:
    judge, one, _ = relay(CONTENT, USAGE, DONE, withhold=False)
    assert b"".join(judge.frames) == CONTENT + USAGE + DONE
    assert one.tokens_out == 3


def test_the_common_event_is_passed_on_as_it_is() -> None:
    event = bytes(bytearray(CONTENT))
    judge, _, _ = relay(event, withhold=True)
    assert judge.frames[0] is event


def test_of_an_anthropic_stream_both_halves_of_its_usage_are_noted() -> None:
    start = (
        b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1,'
        b'"cache_read_input_tokens":0}}}\n\n'
    )
    delta = b'event: message_delta\ndata: {"type":"message_delta","delta":{},"usage":{"output_tokens":12}}\n\n'
    judge, one, _ = relay(start, delta, withhold=False)
    assert (one.tokens_in, one.tokens_out) == (9, 12)
    assert b"".join(judge.frames) == start + delta


def test_the_last_event_without_its_blank_line_is_passed_on_ended() -> None:
    judge, _, _ = relay(CONTENT, b"data: [DONE]", withhold=False)
    assert judge.frames[-1] == DONE
    judge, _, _ = relay(CONTENT, b" ", withhold=False)
    assert judge.frames == [CONTENT]


def test_half_an_event_of_a_cut_stream_is_dropped() -> None:
    judge, _, _ = relay(CONTENT, CONTENT[:20], withhold=False, cut=True)
    assert judge.frames == [CONTENT]
    assert judge.ends == [CUT]


def test_an_event_without_end_is_given_up_and_the_upstream_left() -> None:
    chunk = b"data: " + b"x" * (1024 * 1024)
    judge, _, wire = relay(*[chunk] * 3, withhold=False)
    assert wire.aborted
    assert judge.frames == []
    assert [type(end) for end in judge.ends] == [UpstreamError]


def test_events_count_where_no_usage_is_told() -> None:
    longer = CONTENT.replace(b"hi", b"higher")
    _, cut, _ = relay(CONTENT, CONTENT, longer, CONTENT + CONTENT + CONTENT, CONTENT, withhold=True, cut=True)
    cut.finish("error", 2.0)
    assert cut.tokens_out == 7
    _, told, _ = relay(CONTENT, CONTENT, CONTENT, CONTENT, USAGE, DONE, withhold=True)
    told.finish("ok", 2.0)
    assert told.tokens_out == 3
