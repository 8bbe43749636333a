from typing import Any

import msgspec

from penstock.core.deadlines import Wheel
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Tapped
from penstock.memory.ledger import BoundedAccount
from penstock.process.loop import run
from penstock.streaming.config import MergeConfig, PaceConfig, StreamingConfig
from penstock.streaming.counts import Counts
from penstock.streaming.flow import Flow
from penstock.streaming.gate import Gate
from penstock.streaming.pacing import SharedBuckets
from penstock.streaming.stage import Streaming
from penstock.wire.anthropic_messages import PING
from penstock.wire.sse import KEEP_ALIVE, KEEP_ALIVE_NUMBERED
from tests.support.streams import MESSAGES, Reader, Upstream, exchange

KEYS = SharedBuckets()


def answered(one: Exchange, reply: Reply, keys: SharedBuckets = KEYS, **terms: Any) -> Reply:
    """``reply`` after the room."""
    stage = Streaming(
        msgspec.structs.replace(StreamingConfig(), **terms), BoundedAccount("buffers", 1000), Counts(), keys,
        Wheel(0.05, 0.0), lambda: 1000.0,
    )  # fmt: skip

    async def next(exchange: Exchange) -> Reply:
        return reply

    async def main() -> Reply:
        return await stage(one, next)

    return run(main())


def live() -> Reply:
    return Reply(200, [], Upstream(), events=True)


def layers(reply: Reply) -> list[str]:
    found, source = [], reply.body
    while isinstance(source, Gate | Flow):
        found.append(type(source).__name__)
        source = source._source  # type: ignore[assignment]
    return found


def test_an_answer_that_is_no_stream_passes() -> None:
    one = exchange()
    whole = Reply(200, [], b"{}")
    assert answered(one, whole).body == b"{}"
    bytes_only = Reply(200, [], Upstream())
    assert layers(answered(one, bytes_only)) == []
    one.call.stream = False
    assert layers(answered(one, live())) == []


def test_by_default_nothing_stands_in_the_way_of_events() -> None:
    assert layers(answered(exchange(), live())) == ["Gate"]


def test_taps_set_below_keep_seeing_what_flowed_there() -> None:
    reply = live()
    reply.taps.append(lambda frame: None)
    body = answered(exchange(), reply).body
    assert isinstance(body, Gate)
    assert isinstance(body._source, Tapped)


def test_a_policy_that_lets_events_wait_wants_a_flow() -> None:
    for policy in ("coalesce", "drop_nonessential", "cut"):
        assert layers(answered(exchange(), live(), on_slow_reader=policy)) == ["Gate", "Flow"]


def test_lossy_is_for_those_who_ask() -> None:
    for value, wanted in ((b"true", True), (b"1", True), (b"false", False), (b"", False)):
        one = exchange()
        one.call.headers = [(b"x-penstock-lossy", value)]
        assert ("Flow" in layers(answered(one, live()))) is wanted


def test_only_far_callers_get_merged_events() -> None:
    merge = MergeConfig(enabled=True)
    for round_trip, wanted in ((0.2, True), (0.05, True), (0.049, False), (None, False)):
        one = exchange(caller=Reader(round_trip))
        assert ("Flow" in layers(answered(one, live(), merge=merge))) is wanted


def test_a_key_has_its_pace_while_it_has_streams() -> None:
    keys = SharedBuckets()
    one = exchange()
    reply = answered(one, live(), keys, pace=PaceConfig(per_key=5.0, per_stream=7.0))
    assert layers(reply) == ["Gate", "Flow"]
    assert len(keys) == 1
    one.finish("ok", 1001.0)
    assert len(keys) == 0


def test_a_stream_whose_events_have_ids_is_pinged_without_an_empty_line() -> None:
    reply = live()
    reply.headers = [(b"x-penstock-stream", b"str-1")]
    body = answered(exchange(), reply).body
    assert isinstance(body, Gate)
    assert body._ping == KEEP_ALIVE_NUMBERED


def test_each_dialect_has_its_own_ping() -> None:
    for one, ping in ((exchange(), KEEP_ALIVE), (exchange(MESSAGES), PING)):
        body = answered(one, live()).body
        assert isinstance(body, Gate)
        assert body._ping == ping
