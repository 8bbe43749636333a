"""An upstream that fails in every way known, on real sockets: the first part of a path says how.

Enters: ``POST /<fault>/v1/chat/completions``. Leaves: what talk.py says. It counts requests, callers that hung up on it
and when, and what it is still busy with.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from tests.faults.talk import SENT, Talk
from tests.support.scripted_upstream import Request, ScriptedUpstream

NO_PREFILL = "the last message must be of the user"
Behaviour = Callable[[Talk], None]


def _in_order(*acts: str | Callable[[Talk], None]) -> Behaviour:
    """The named methods of a Talk, one after another."""

    def behave(talk: Talk) -> None:
        for act in acts:
            if isinstance(act, str):
                getattr(talk, act)()
            else:
                act(talk)

    return behave


def _by_form(stream: Behaviour, plain: Behaviour) -> Behaviour:
    return lambda talk: (stream if talk.stream else plain)(talk)


def _once(fault: Behaviour) -> Behaviour:
    """The first request fails so, all others are answered."""
    return lambda talk: fault(talk) if talk.number == 1 else talk.answer()


def _rest(talk: Talk) -> None:
    """What follows comes in a read of its own."""
    time.sleep(0.05)


def _endless(talk: Talk) -> None:
    talk.head()
    while True:
        talk.say(["w "])
        talk.hold(0.005)


def _unfinished_event(talk: Talk) -> None:
    """One event is no JSON; all that matters comes all the same."""
    words = talk.pieces()
    talk.head()
    talk.say(words[:SENT])
    talk.event('{"id":"c-1","choices":[{"index":0,"del')
    talk.say(words[SENT:])
    talk.finish()
    talk.done()


def _refusing_prefill(talk: Talk) -> None:
    if talk.prefilled:
        talk.refuse(400, "invalid_request", NO_PREFILL)
    else:
        talk.answer(talk.pieces(instruction=True))


def _restarting(talk: Talk) -> None:
    """Refuses a prefill and does not know what to continue means: it begins anew."""
    if talk.prefilled:
        talk.refuse(400, "invalid_request", NO_PREFILL)
    else:
        talk.answer(talk.pieces(prefill=False))


ANSWER: Behaviour = Talk.answer
HALF_CUT = _in_order("half", "cut")
HALF_STALL = _in_order("half", "hold")

FAULTS: dict[str, Behaviour] = {
    "well": ANSWER,
    "endless": _endless,
    # Before anything was said.
    "reset": Talk.reset,
    "closed": Talk.cut,
    "silent": Talk.hold,
    "late": _by_form(_in_order("head", lambda talk: talk.hold(1.0), "cut"), lambda t: (t.hold(1.0), t.answer())[1]),
    "cut-head": _by_form(_in_order("head", "cut"), HALF_CUT),
    "silent-head": _in_order("head", "hold"),
    "silent-comment": _in_order("head", lambda talk: talk.send(b"e\r\n: processing\n\n\r\n"), "hold"),
    "garbage-head": _in_order(lambda talk: talk.send(b"\x16\x03\x01\x02\x00 this is no HTTP\r\n\r\n"), "cut"),
    "limited": lambda talk: talk.refuse(429, "rate_limit_exceeded"),
    "limited-once": _once(lambda talk: talk.refuse(429, "rate_limit_exceeded", retry_after="1")),
    "limited-long": lambda talk: talk.refuse(429, "rate_limit_exceeded", retry_after="120"),
    "out-of-quota": lambda talk: talk.refuse(429, "insufficient_quota"),
    "broken": lambda talk: talk.refuse(500, "server_error"),
    "broken-once": _once(lambda talk: talk.refuse(500, "server_error")),
    "overloaded": lambda talk: talk.refuse(503, "overloaded"),
    "flapping": lambda talk: talk.refuse(502, "bad_gateway") if talk.number % 2 else talk.answer(),
    "unauthorized": lambda talk: talk.refuse(401, "invalid_api_key", "that key is wrong"),
    "filtered": lambda talk: talk.refuse(400, "content_filter"),
    "too-long": lambda talk: talk.refuse(400, "context_length_exceeded"),
    "wrong": lambda talk: talk.refuse(400, "invalid_request"),
    "slow-refusal": _in_order(
        lambda talk: talk.send(
            b"HTTP/1.1 500 Scripted\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
        ),
        "hold",
    ),
    "overloaded-wait": lambda talk: talk.refuse(503, "overloaded", retry_after_ms="300"),
    # In the midst of an answer.
    "cut": _by_form(_in_order("begin", "cut"), HALF_CUT),
    "reset-midway": _by_form(_in_order("begin", _rest, "reset"), HALF_CUT),
    "stall": _by_form(_in_order("begin", "hold"), HALF_STALL),
    "ended-early": _by_form(_in_order("begin", lambda talk: talk.send(b"0\r\n\r\n")), HALF_CUT),
    "done-early": _by_form(_in_order("begin", "done"), HALF_CUT),
    "garbage": _by_form(
        _in_order("begin", _rest, lambda talk: talk.send(b"\xff\xfe{{{ no chunk\r\n"), "hold"), HALF_CUT
    ),
    "error-event": _by_form(
        _in_order("begin", lambda talk: talk.event('{"error":{"message":"out of memory","code":500}}'), "done"),
        HALF_CUT,
    ),
    "error-event-first": _by_form(
        _in_order("head", lambda talk: talk.event('{"error":{"message":"out of memory","code":500}}'), "done"), HALF_CUT
    ),
    "malformed-event": _by_form(_unfinished_event, ANSWER),
    # All was said, only the end is odd.
    "no-done": _by_form(
        _in_order("head", lambda t: t.say(t.pieces()), "finish", lambda t: t.send(b"0\r\n\r\n")), ANSWER
    ),
    "no-done-held": _by_form(_in_order("head", lambda t: t.say(t.pieces()), "finish", "hold"), ANSWER),
    # Well, but hard to continue at.
    "refuses-prefill": _refusing_prefill,
    "restarts": _restarting,
}


class FaultyUpstream(ScriptedUpstream):
    """See the module. ``seen`` and ``aborted`` count by fault, ``hung_up`` are moments of ``perf_counter``."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self.aborted: Counter[str] = Counter()
        self.hung_up: list[float] = []
        self.arrived = threading.Event()
        self.busy = 0
        self._lock = threading.Lock()

    def url_of(self, fault: str) -> str:
        return f"http://127.0.0.1:{self.port}/{fault}/v1"

    def reset(self) -> None:
        """Forget what was counted."""
        super().reset()
        self.seen.clear()
        self.aborted.clear()
        self.hung_up.clear()
        self.arrived.clear()

    def _answer(self, connection: socket.socket, request: Request) -> None:
        name = request.target.split("/")[1]
        with self._lock:
            self.seen[name] += 1
            self.busy += 1
        talk = Talk(self, name, connection, request)
        self.arrived.set()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            FAULTS[name](talk)
        finally:
            with self._lock:
                self.busy -= 1


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """A port of 127.0.0.1 that refuses connections and that nobody else is given meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
