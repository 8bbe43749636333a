import pytest

from penstock.core.errors import CallerError, UpstreamError
from penstock.core.trace import MOST_ATTEMPTS, Trace
from tests.support.exchanges import finished

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def trace(number: int = 0x10, flags: int = 1, state: bytes = b"", *, always: bool = True, slow: float = 0.0) -> Trace:
    return Trace(TRACE, number, PARENT, flags, state, always, slow)


def test_each_attempt_has_a_span_of_its_own_in_the_same_trace() -> None:
    one = trace(state=b"a=1")
    first, second = one.ask("u", "m", 1.0), one.ask("v", "m", 2.0)
    assert one.span == "0000000000000010"
    assert (first.span, second.span) == ("0000000000000011", "0000000000000012")
    assert first.line == f"traceparent: 00-{TRACE}-0000000000000011-01\r\ntracestate: a=1\r\n".encode()
    assert second.line.startswith(f"traceparent: 00-{TRACE}-0000000000000012-01".encode())


def test_ids_never_become_zero() -> None:
    one = trace((1 << 64) - 1)
    assert one.ask("u", "m", 0.0).span == "0000000000000001"


def test_further_attempts_go_out_and_are_not_remembered() -> None:
    one = trace()
    for _ in range(MOST_ATTEMPTS + 3):
        assert b"traceparent: 00-" in one.ask("u", "m", 0.0).line
    assert len(one.attempts) == MOST_ATTEMPTS


def test_what_is_told_of_a_call() -> None:
    one = trace()
    lost, won = one.ask("u", "m1", 100.5), one.ask("v", "m2", 101.0)
    lost.head, won.head, won.status = 100.9, 101.5, 200
    call = finished(failures=[("reset", "u")], upstream="v")
    call.call.max_tokens, call.call.temperature = 9, 0.5
    told = one.end(call)
    assert told is not None
    assert (told.trace, told.span, told.parent, told.flags, told.why) == (
        TRACE,
        "0000000000000010",
        PARENT,
        1,
        "sampled",
    )
    assert told.attempts[0] == ("0000000000000011", "u", "m1", 0.5, pytest.approx(0.9), 0, "reset")
    assert told.attempts[1] == ("0000000000000012", "v", "m2", 1.0, 1.5, 200, "")
    assert (told.max_tokens, told.temperature, told.method) == (9, 0.5, "POST")


def test_each_failure_is_that_of_one_attempt() -> None:
    one = trace()
    for _ in range(3):
        one.ask("u", "m", 100.0)
    told = one.end(finished(failures=[("reset", "u"), ("silent", "u"), ("full", "elsewhere")]))
    assert told is not None
    assert [kind for *_, kind in told.attempts] == ["reset", "silent", ""]


@pytest.mark.parametrize(
    ("flags", "always", "slow", "status", "why"),
    [
        (1, False, 0.0, 200, "sampled"),
        (0, True, 0.0, 200, None),
        (0, True, 0.0, 502, "error"),
        (0, True, 2.5, 200, "slow"),
        (0, True, 2.6, 200, None),
        (0, False, 0.1, 502, None),
        (1, True, 0.1, 502, "sampled"),
    ],
)
def test_what_is_kept(flags: int, always: bool, slow: float, status: int, why: str | None) -> None:
    told = trace(flags=flags, always=always, slow=slow).end(finished(status=status))
    assert (told.why if told else None) == why


def test_an_error_of_a_caller_is_not_kept_for_that() -> None:
    stranger = finished("error", error=CallerError("no key", status=401), status=401)
    assert trace(flags=0).end(stranger) is None
    assert trace(flags=1).end(stranger) is not None


def test_a_call_that_ended_in_an_error_is_kept_whatever_its_status() -> None:
    told = trace(flags=0).end(finished("error", error=UpstreamError("cut"), status=200))
    assert told is not None
    assert told.why == "error"


def test_work_that_goes_on_is_below_the_call() -> None:
    one = trace()
    one.ask("u", "m", 0.0)
    after = one.after(0x99)
    assert (after.id, after.parent, after.span, after.attempts) == (TRACE, one.span, "0000000000000099", [])
    assert TRACE in repr(after)
