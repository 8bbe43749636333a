"""The short way against the long one: whatever an upstream sends, in whatever pieces, both come to the same."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.core.lane import Lane, offer
from penstock.core.reply import Reply, Whole
from tests.core.conformance import exchange
from tests.core.judge import timers
from tests.core.lane_rig import FIRST, LAST, Caller, Way, both, chunk, event

pytestmark = pytest.mark.interpreted  # stands in for an origin


def same(reads: Sequence[bytes | str]) -> Way:
    short, long = both(reads)
    assert short.outcome() == long.outcome()
    assert not long.lane.passed
    return short


def texts(*words: bytes) -> list[bytes]:
    return [chunk(event(word)) for word in words]


def test_common_events_take_it_and_the_caller_gets_them_as_they_came() -> None:
    reads = [chunk(FIRST), *texts(b"one", b" two", b" three", b" four"), *map(chunk, LAST), b"0\r\n\r\n"]
    way = same(reads)
    assert way.lane.passed == 3  # the first of them is learned from
    assert b"".join(texts(b" two", b" three", b" four")) in way.caller.sent
    assert way.caller.ends == [None]
    assert way.exchange.tokens_out == 8  # it did not end: each event counts, on either way
    assert way.connection.lane is None


def test_sizes_on_both_sides_of_three_digits_and_of_every_spelling() -> None:
    pad = b"x" * (0xFE - len(event(b"")))
    words = [pad, pad + b"y", pad + b"yy", pad + b"yyy", pad + b"y" * 40, pad]
    for form in (b"%x\r\n", b"%X\r\n"):
        way = same([chunk(FIRST), *[chunk(event(word), form) for word in words + words]])
        assert way.lane.passed >= len(words) - 1


@pytest.mark.parametrize(
    "odd",
    [
        chunk(event(b"odd"), b"0%x\r\n"),
        chunk(event(b"odd"), b"%x;a=b\r\n"),
        chunk(event(b"o") + event(b"dd")),
        chunk(event(rb"o\"dd")),
        chunk(event(b"odd", b',"usage":{"completion_tokens":9}')),
        chunk(event(b"odd") + b": comment\n\n"),
        chunk(b": comment\n\n"),
        chunk(event(b"odd")[:-1]),
        chunk(event(b"odd").replace(b"\n\n", b"\r\n\r\n")),
        chunk(event(b"odd", b',"finish_reason":"length"')),
        chunk(b'data: {"error":{"message":"broke"}}\n\n'),
        b"zz\r\n" + event(b"odd") + b"\r\n",
        b"0x%x\r\n" % len(event(b"odd")) + event(b"odd") + b"\r\n",
        b"%x\r\n" % (len(event(b"odd")) + 1) + event(b"odd") + b"\r\n",
        chunk(event(b"odd"))[:-2] + b"no",
        event(b"odd"),
    ],
)
def test_what_is_not_plainly_common_goes_the_long_way(odd: bytes) -> None:
    before = [chunk(FIRST), *texts(b"one", b" two", b" three")]
    short, _ = both([*before, odd])
    assert short.lane.passed == 2
    same([*before, odd, *texts(b" four", b" five"), b"0\r\n\r\n"])


@pytest.mark.parametrize(
    ("rest", "passed"),
    [
        (b"", 3),
        (chunk(event(b"x" * 300)), 4),
        (chunk(event(rb"\n")) + chunk(event(b"x")), 3),
        (chunk(event(b"cut"))[:-1], 3),
        (b"0\r\n\r\n", 3),
        (b"4", 3),
        (b"ffffff\r\n", 3),
        (b"\r\n", 3),
    ],
)
def test_of_several_chunks_in_one_read_the_plain_ones_pass_and_the_rest_is_parsed(rest: bytes, passed: int) -> None:
    before = [chunk(FIRST), *texts(b"one")]
    plain = b"".join(texts(b"a", b"bb", b"x" * 200))
    short, _ = both([*before, plain + rest])
    assert short.lane.passed == passed
    assert plain in short.caller.sent
    same([*before, plain + rest, *texts(b"last")])


def test_a_chunk_that_is_begun_is_not_mistaken_for_one_that_begins() -> None:
    """A size line comes alone; then what looks like a whole chunk is the content of that one."""
    inside = chunk(event(b"two"))
    before = [chunk(FIRST), *texts(b"one", b" two", b" three")]
    way = same([*before, b"%x\r\n" % len(inside), inside, b"\r\n", *texts(b"four")])
    assert way.lane.passed == 2


def test_an_event_that_is_held_back_is_not_overtaken() -> None:
    way = same([chunk(FIRST), *texts(b"one", b"two"), chunk(event(b"half")[:20]), *texts(b"three"), chunk(b"\n\n")])
    assert way.lane.passed == 1


def test_usage_in_each_event_is_read_each_time() -> None:
    counting = [chunk(event(b"w", b',"usage":{"completion_tokens":5}')) for _ in range(4)]
    way = same([chunk(FIRST), *counting])
    assert way.lane.passed == 0
    null = [chunk(event(b"w", b',"usage":null')) for _ in range(4)]
    assert same([chunk(FIRST), *null]).lane.passed == 3


def test_a_held_stream_passes_nothing() -> None:
    short, long = both([chunk(FIRST), *texts(b"one", b"two"), "pause", *texts(b"three")])
    assert short.outcome() == long.outcome()
    assert short.lane.passed == 1
    assert not short.connection.lane.open  # type: ignore[union-attr]
    assert same([chunk(FIRST), *texts(b"one"), "pause", *texts(b"two"), "resume", *texts(b"three")]).lane.passed


def test_what_still_comes_of_a_held_stream_is_held() -> None:
    with timers() as loop:
        way = Way(loop, short=True)
        for read in [chunk(FIRST), *texts(b"one", b"two")]:
            way.feed(read)
        way.source.pause()
        sent = way.caller.sent
        way.feed(chunk(event(b"three")))  # it had been read already
        assert way.caller.sent == sent
        way.source.resume()
        assert way.caller.sent == sent + chunk(event(b"three"))


def test_a_write_that_fills_the_callers_buffer_holds_the_stream() -> None:
    with timers() as loop:
        way = Way(loop, short=True)
        for read in [chunk(FIRST), *texts(b"one", b"two")]:
            way.feed(read)
        assert way.connection.due
        way.caller.write = lambda data: way.source.pause()  # type: ignore[assignment]
        way.feed(chunk(event(b"three")))
    assert way.lane.passed == 2
    assert not way.connection.due  # who does not read is not waited for


def test_who_cancels_gets_nothing_more() -> None:
    with timers() as loop:
        way = Way(loop, short=True)
        for read in [chunk(FIRST), *texts(b"one", b"two")]:
            way.feed(read)
        way.source.cancel("left")
    assert way.connection.closed
    assert way.connection.lane is None


words = st.one_of(
    st.text(alphabet="abc é☂", min_size=1, max_size=6).map(str.encode),
    st.sampled_from([b"", rb"\n", rb"\"", b"\n\n", b"_tokens", b"\r\n", b"x" * 200]),
)
plain = words.map(event)
odd_event = st.one_of(
    st.sampled_from([FIRST, *LAST, b": hi\n\n", b"data: {", b"\n\n", event(b"w", b',"usage":{"completion_tokens":2}')]),
    words.map(lambda word: event(word, b',"usage":null')),
    words.map(lambda word: event(word).replace(b"\n\n", b"\r\r")),
)
forms = st.sampled_from([b"%x\r\n"] * 6 + [b"%X\r\n", b"0%x\r\n", b"%x;e=1\r\n"])


@st.composite
def streams(draw: st.DrawFn) -> list[bytes | str]:
    """Events in chunks, mostly one in each, in reads, mostly one for each."""
    events = [FIRST, *draw(st.lists(st.one_of(plain, plain, plain, odd_event), max_size=12))]
    chunks: list[bytes] = []
    for data in events:
        cut = draw(st.one_of(st.just(0), st.just(0), st.integers(0, len(data))))
        chunks += [chunk(part, draw(forms)) for part in (data[:cut], data[cut:]) if part]
    if draw(st.booleans()):
        chunks.append(b"0\r\n\r\n")
    reads: list[bytes | str] = []
    for data in chunks:
        how = draw(st.integers(0, 9))
        if how == 0 and reads and isinstance(reads[-1], bytes):
            reads[-1] += data
        elif how == 1:
            cut = draw(st.integers(1, len(data) - 1))
            reads += [data[:cut], data[cut:]]
        else:
            reads.append(data)
        if how == 2:
            reads.append(draw(st.sampled_from(["pause", "resume"])))
    return [*reads, "resume"]


@settings(max_examples=400, deadline=None)
@given(streams())
@example([chunk(FIRST), *texts(b"a", b"b"), b"4", b"\r\n"])
def test_both_ways_come_to_the_same(reads: list[bytes | str]) -> None:
    same(reads)


def test_most_sources_want_none() -> None:
    lane = Lane(exchange(), Caller(exchange(), ()), {})
    offer(lane, Whole(b"data: 1\n\n"))
    assert repr(lane) == "<Lane closed, 0 passed>"
    assert not lane.take(chunk(event(b"one")))


def test_taps_of_every_room_are_kept_in_order() -> None:
    order: list[str] = []
    reply = Reply(200, [], Whole(b"x"), events=True)
    reply.taps.append(lambda frame: order.append("inner"))
    reply.through(lambda source: source)
    lane = Lane(exchange(), Caller(exchange(), ()), {})
    lane.taps = [lambda frame: order.append("outer")]
    assert not isinstance(reply.body, bytes)
    offer(lane, reply.body)
    for tap in lane.taps:
        tap(b"")
    assert order == ["inner", "outer"]
