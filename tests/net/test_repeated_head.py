import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.fiber import Promise
from penstock.net.client_connection import ClientConnection
from penstock.net.repeated_head import RepeatedHead, learn
from penstock.net.response import Response, ResponseHead
from tests.core.judge import timers
from tests.core.lane_rig import Origin, Wire

DATES = [b"Thu, 26 Nov 2026 03:49:14 GMT", b"Thu, 26 Nov 2026 03:49:15 GMT"]


def answer(body: bytes, date: bytes = DATES[0], *, order: str = "date type length", more: bytes = b"") -> bytes:
    lines = {
        "date": b"Date: %b\r\n" % date,
        "length": b"Content-Length: %d\r\n" % len(body),
        "type": b"Content-Type: application/json\r\n",
    }
    return b"HTTP/1.1 200 OK\r\n%b%b\r\n%b" % (b"".join(lines[name] for name in order.split()), more, body)


def known(first: bytes) -> RepeatedHead:
    made = learn(first, ResponseHead(200, [(b"content-type", b"application/json")]))
    assert made is not None
    return made


@pytest.mark.parametrize("order", ["date type length", "length type date", "length date", "type length", "length"])
def test_another_body_at_another_time_is_known(order: str) -> None:
    repeat = known(answer(b"one", order=order))
    for body, date in ((b"two", DATES[0]), (b"x" * 1234, DATES[1]), (b"", DATES[1]), (b"y" * 99999, DATES[0])):
        response = repeat.answer(answer(body, date, order=order))
        assert response is not None
        assert response.body == body
        assert response.head is repeat.head


@pytest.mark.parametrize(
    "other",
    [
        answer(b"two")[:-1],
        answer(b"two") + b"x",
        answer(b"two") + answer(b"two"),
        answer(b"two", more=b"X: y\r\n"),
        answer(b"two", order="date length type"),
        answer(b"two", b"Thu, 26 Nov 2026 03:49:14 GMT "),
        answer(b"two", b"x\r\nTransfer-Encoding: chunked"),
        answer(b"two", b"Thu, 26 Nov 2026 03:49:14\0GMT"),
        answer(b"two").replace(b"200", b"500"),
        answer(b"two").replace(b": 3", b": 03x"),
        answer(b"two").replace(b": 3", b": +3"),
        answer(b"two").replace(b": 3", b": "),
        answer(b"two").replace(b": 3", b": 3\r\nContent-Length: 3"),
        answer(b"two").replace(b"\r\n\r\n", b"\r\n"),
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_anything_else_is_for_the_parser(other: bytes) -> None:
    assert known(answer(b"one")).answer(other) is None


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
        answer(b"one") + b"more",
        answer(b"one")[:-1],
        answer(b"one", order="date length date"),
        answer(b"one", order="length length"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"one"),
        b"one",
    ],
)
def test_what_is_not_one_whole_answer_is_not_learned(first: bytes) -> None:
    assert learn(first, ResponseHead(200, [])) is None


# ---- on a connection: with and without it, all comes to the same


class Ends:
    """A connection that answers one request after another."""

    def __init__(self, *, learns: bool) -> None:
        self.seen: list[tuple[object, ...]] = []
        self.learns = learns
        self.known = 0

    def ask(self, connection: ClientConnection, reads: list[bytes]) -> None:
        waiter: Promise[Response] = connection.send(b"", b"", head_timeout=1.0, idle_timeout=1.0)
        for read in reads:
            if connection.closed:
                break
            before = connection._parser
            if not self.learns:
                connection._repeat = None
            self.known += connection._repeat is not None and not connection._begun and before is not None
            connection.data_received(read)
        self.seen.append((connection.closed, waiter.done()))
        if waiter.done():
            try:
                response = waiter.result()
                self.seen.append((response.status, response.headers, response.ended, response.body, response.length))
            except Exception as error:
                self.seen.append((repr(error),))
        if connection._response is not None and not connection.closed:
            connection.abort()


pieces = st.one_of(
    st.builds(answer, st.binary(max_size=20), st.sampled_from(DATES)),
    st.builds(answer, st.binary(max_size=20), st.sampled_from(DATES), order=st.sampled_from(["length", "length date"])),
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
            answer(b"one", more=b"Connection: close\r\n"),
            b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"one"),
            answer(b"one") + b"HTTP",
            answer(b"x\r\ncontent-length: 1\r\n\r\ny"),
            b"HTTP/1.1 204 No Content\r\n\r\n",
            answer(b"one") + answer(b"two"),
        ]
    ),
)


@pytest.mark.interpreted
@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(pieces, st.integers(0, 60)), min_size=1, max_size=8))
def test_with_it_and_without_it_all_comes_to_the_same(answers: list[tuple[bytes, int]]) -> None:
    ends = []
    for learns in (True, False):
        with timers() as loop:
            origin: object = Origin(loop)
            connection = ClientConnection(origin)  # type: ignore[arg-type]
            connection.connection_made(Wire())  # type: ignore[arg-type]
            end = Ends(learns=learns)
            for data, cut in answers:
                if not connection.closed:
                    end.ask(connection, [data[:cut], data[cut:]] if 40 < cut < len(data) else [data])
            ends.append(end)
    assert ends[0].seen == ends[1].seen


@pytest.mark.interpreted
def test_the_third_like_answer_is_not_parsed() -> None:
    with timers() as loop:
        origin: object = Origin(loop)
        connection = ClientConnection(origin)  # type: ignore[arg-type]
        connection.connection_made(Wire())  # type: ignore[arg-type]
        end = Ends(learns=True)
        for body in (b"one", b"two", b"three", b"four"):
            end.ask(connection, [answer(body)])
        assert end.known == 2
        connection._parser = None  # type: ignore[assignment]
        end.ask(connection, [answer(b"five", DATES[1])])
    assert end.seen[-1][3] == b"five"


@pytest.mark.interpreted
def test_nothing_is_learned_from_the_middle_of_an_answer() -> None:
    """What the body holds is no head, however much it looks like one."""
    body = b"\r\ncontent-length: 1\r\n\r\ny"
    whole = answer(body)
    with timers() as loop:
        origin: object = Origin(loop)
        connection = ClientConnection(origin)  # type: ignore[arg-type]
        connection.connection_made(Wire())  # type: ignore[arg-type]
        for _ in range(3):
            waiter: Promise[Response] = connection.send(b"", b"", head_timeout=1.0, idle_timeout=1.0)
            connection.data_received(whole[: -len(body)])
            connection.data_received(body)
            assert waiter.result().body == body
            assert connection._repeat is None
