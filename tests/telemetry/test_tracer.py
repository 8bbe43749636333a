import random

import pytest

from penstock.core.exchange import Exchange
from penstock.core.trace import Trace
from penstock.telemetry.tracer import Tracer
from tests.support.exchanges import finished

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def exchange(traceparent: str = "", memo: dict[object, object] | None = None) -> Exchange:
    made = finished()
    if traceparent:
        made.call.headers = [*made.call.headers, (b"traceparent", traceparent.encode()), (b"tracestate", b"a=1")]
    if memo is not None:
        made.call.memo = memo
    return made


def begun(tracer: Tracer, one: Exchange) -> Trace:
    tracer.begin(one)
    assert one.trace is not None
    return one.trace


def tracer(share: float = 0.5, slow: float = 9.0, *, follows: bool = True, seed: int = 1) -> Tracer:
    return Tracer(share, slow, follows, random.Random(seed).getrandbits)


def test_a_callers_trace_goes_on_and_says_what_is_kept() -> None:
    kept = begun(tracer(0.0), exchange(f"00-{TRACE}-{PARENT}-01"))
    assert (kept.id, kept.parent, kept.flags, kept.state, kept.always) == (TRACE, PARENT, 1, b"a=1", False)
    assert kept.span not in (PARENT, "0" * 16)
    dropped = begun(tracer(1.0), exchange(f"00-{TRACE}-{PARENT}-00"))
    assert (dropped.id, dropped.flags, dropped.always, dropped.slow) == (TRACE, 0, False, 0.0)


@pytest.mark.parametrize("value", ["", f"00-{TRACE}-{'0' * 16}-01", "nonsense"])
def test_without_a_valid_one_a_trace_begins(value: str) -> None:
    one = begun(tracer(1.0), exchange(value))
    assert one.id not in (TRACE, "0" * 32)
    assert len(one.id) == 32
    assert (one.parent, one.flags, one.state, one.always, one.slow) == ("", 1, b"", True, 9.0)


def test_callers_need_not_be_followed() -> None:
    one = begun(tracer(1.0, follows=False), exchange(f"00-{TRACE}-{PARENT}-00"))
    assert one.id != TRACE
    assert one.flags == 1


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_share_that_is_kept(share: float) -> None:
    made = tracer(share, seed=7)
    kept = sum(begun(made, exchange()).flags for _ in range(4000)) / 4000
    assert kept == pytest.approx(share, abs=0.03)
    assert kept == share or 0 < share < 1


def test_the_same_id_is_kept_everywhere_alike() -> None:
    made = Tracer(0.5, 0.0, True, lambda count: 1 << 55 if count == 128 else 5)
    assert begun(made, exchange()).flags == 0
    made = Tracer(0.5, 0.0, True, lambda count: (1 << 55) - 1 if count == 128 else 5)
    assert begun(made, exchange()).flags == 1


def test_what_a_head_says_is_worked_out_once_for_each_tracer() -> None:
    memo: dict[object, object] = {}
    made = tracer()
    first = begun(made, exchange(f"00-{TRACE}-{PARENT}-01", memo))
    again = begun(made, exchange("", memo))  # another head could not share the memo: it must not be looked at
    assert (again.id, again.parent) == (first.id, first.parent)
    assert again.span != first.span, "each call has a span of its own"
    assert begun(tracer(follows=False), exchange("", memo)).id != TRACE
