import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import UpstreamError
from penstock.wire.sse import BOM, DONE, KEEP_ALIVE, KEEP_ALIVE_NUMBERED, Event, EventSplitter, encode, parse, split

line_ends = st.sampled_from([b"\n", b"\r", b"\r\n"])
line_parts = st.sampled_from(
    [
        b"data: x",
        b"data:",
        b"data: {}",
        b": hi",
        b"event: e",
        b"id: 7",
        b"retry: 10",
        b"odd",
        b"",
        b"",
        b"data: \xc3\xa9",
    ]
)
streams = st.lists(st.tuples(line_parts, line_ends).map(b"".join), max_size=20).map(b"".join)


@st.composite
def chunked(draw, source=streams):
    """A stream and a way to cut it."""
    data = draw(source)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return data, [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def lines_of(data: bytes) -> list[bytes]:
    """Lines by the letter of the standard, one byte after the other."""
    lines, line, after_cr = [], b"", False
    for byte in data:
        if byte == 10 and after_cr:
            after_cr = False
            continue
        after_cr = byte == 13
        if byte in (10, 13):
            lines.append(line)
            line = b""
        else:
            line += bytes([byte])
    return lines


def fed(chunks, **options):
    splitter = EventSplitter(**options)
    return [splitter.feed(chunk) for chunk in chunks], splitter.rest


@given(chunked())
def test_however_it_is_cut_no_byte_is_lost_and_the_events_are_the_same(cut):
    data, chunks = cut
    frames, rest = fed(chunks)
    assert b"".join(frames) + rest == data
    events = [event for frame in frames for event in parse(frame)]
    assert events == parse(b"".join(frames))
    # What is held back has begun but not ended.
    assert events == parse(data)


@given(chunked())
def test_every_frame_holds_whole_events_and_the_rest_holds_none(cut):
    data, chunks = cut
    frames, rest = fed(chunks)
    at = 0
    for frame in frames:
        at += len(frame)
        if frame and frame != b"\n":
            assert lines_of(data[:at])[-1] == b""
    if at < len(data):
        assert b"" not in lines_of(rest)[1:]


@given(chunked())
def test_an_event_is_given_as_soon_as_its_last_byte_is_here(cut):
    _, chunks = cut
    splitter = EventSplitter()
    given, seen = [], b""
    for chunk in chunks:
        given += parse(splitter.feed(chunk))
        seen += chunk
        assert given == parse(seen)


@given(st.lists(st.tuples(st.integers(0, 9), line_ends), max_size=8), st.randoms())
def test_a_stream_of_one_line_end_is_cut_byte_by_byte(numbers, random):
    end = b"\r\n" if random.random() < 0.5 else b"\n"
    data = b"".join(b"data: %d%b%b" % (number, end, end) for number, _ in numbers)
    frames, rest = fed([data[i : i + 1] for i in range(len(data))])
    assert rest == b""
    assert [int(event.data) for frame in frames for event in parse(frame)] == [number for number, _ in numbers]


def test_whole_events_pass_as_the_same_object():
    splitter = EventSplitter()
    for data in (b"data: a\n\n", b"data: a\r\n\r\n", b"data: a\n\ndata: b\n\n"):
        assert splitter.feed(data) is data
    assert splitter.feed(b"") == b""


def test_an_event_over_many_chunks():
    frames, rest = fed([b"da", b"ta: a\n", b"\ndata: b\n", b"\ndata: ", b"c"])
    assert frames == [b"", b"", b"data: a\n\n", b"data: b\n\n", b""]
    assert rest == b"data: c"


@pytest.mark.parametrize(
    ("chunks", "frames"),
    [
        ([b"data: a\r\n\r", b"\ndata: b\r\n\r\n"], [b"data: a\r\n\r", b"\ndata: b\r\n\r\n"]),
        ([b"data: a\r\n\r", b"\n", b"data: b\r\n\r\n"], [b"data: a\r\n\r", b"\n", b"data: b\r\n\r\n"]),
        ([b"data: a\r", b"\n", b"\r", b"\n"], [b"", b"", b"data: a\r\n\r", b"\n"]),
        ([b"data: a\r", b"\ndata: b\r", b"\n\n"], [b"", b"", b"data: a\r\ndata: b\r\n\n"]),
        ([b"data: a\r", b"\r"], [b"", b"data: a\r\r"]),
        ([b"data: a\n\r", b"\n"], [b"data: a\n\r", b"\n"]),
    ],
)
def test_a_cr_at_the_end_of_a_chunk(chunks, frames):
    assert fed(chunks) == (frames, b"")


def test_one_event_is_bounded_but_a_stream_is_not():
    splitter = EventSplitter(max_event_bytes=100)
    for _ in range(1000):
        splitter.feed(b"data: x\n")
        splitter.feed(b"\ndata: ")
        splitter.feed(b"y\n\n")
    splitter.feed(b"data: " + b"x" * 94)
    with pytest.raises(UpstreamError, match="100 bytes"):
        splitter.feed(b"x")
    assert EventSplitter(10).feed(b"data: " + b"x" * 94 + b"\n\n")  # nothing is held back


def test_an_event_that_comes_in_tiny_pieces_takes_little_more_than_its_bytes():
    splitter = EventSplitter()
    tracemalloc.start()
    for number in range(250_000):
        assert splitter.feed(b"%02d" % (number % 100)) == b""
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2 * 500_000
    assert splitter.feed(b"\n\n").startswith(b"000102")


def test_parse_by_example():
    frame = (
        b": hello\nevent: e\nid: 1\nretry: 20\ndata: a\ndata:b\ndata:  c\nother: x\ndata\n\ndata:\n\nevent: none\n\n"
    )
    assert parse(frame) == [Event("e", b"a\nb\n c\n", "1", 20), Event("", b"", None, None)]


def test_parse_leaves_out_what_the_standard_leaves_out():
    assert parse(b"id: a\0b\nretry: 1x\ndata: d\n\ndata: unfinished\n") == [Event("", b"d", None, None)]
    assert parse(KEEP_ALIVE) == []
    assert parse(b"") == []
    assert parse(b"retry: " + b"9" * 5000 + b"\ndata: d\n\n")[0].retry is None


def test_a_byte_order_mark_may_begin_a_stream_only():
    assert parse(BOM + b"data: a\n\n", first=True) == [Event("", b"a", None, None)]
    assert parse(BOM + b"data: a\n\n") == []


def test_done():
    assert parse(DONE) == [Event("", b"[DONE]", None, None)]


@given(streams)
def test_split_loses_nothing_and_cuts_where_events_end(data):
    events = list(split(data))
    assert b"".join(events) == data
    assert [event for raw in events for event in parse(raw)] == parse(data)


texts = st.text(max_size=20)


@given(st.binary(max_size=30), st.none() | texts, st.none() | texts)
def test_what_is_encoded_is_parsed_again(data, event, id):
    (found,) = parse(encode(data, event, id))
    assert found.data == data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if event is not None:
        assert found.event.split() == event.replace("\0", " ").split() or not event.isprintable()
    if id is not None and id.isprintable():
        assert found.id == id


def test_encode_by_example():
    assert encode(json.dumps({"a": 1}).encode()) == b'data: {"a": 1}\n\n'
    assert encode(b"a\nb", "e", "1") == b"event: e\nid: 1\ndata: a\ndata: b\n\n"
    assert encode(b"d", "e\r\ndata: evil\n\n") == b"event: e data: evil \ndata: d\n\n"


def test_a_keep_alive_among_numbered_events_is_no_event_to_the_openai_client() -> None:
    from openai._streaming import SSEDecoder

    def seen(comment: bytes, id: str | None) -> list[str]:
        stream = encode(b"1", id=id) + comment + encode(b"2", id=id)
        return [event.data for event in SSEDecoder().iter_bytes(iter([stream]))]

    assert seen(KEEP_ALIVE, None) == ["1", "2"]
    assert seen(KEEP_ALIVE_NUMBERED, "7") == ["1", "2"]
    assert seen(KEEP_ALIVE, "7") == ["1", "", "2"]  # why there are two
