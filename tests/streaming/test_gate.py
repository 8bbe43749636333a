from penstock.core.deadlines import Wheel
from penstock.memory.ledger import BoundedAccount
from penstock.streaming.config import StreamingConfig
from penstock.streaming.flow import Surroundings
from penstock.streaming.gate import Gate
from tests.support.streams import Later, Reader, Upstream, around, exchange, said

PING = b": ping\n\n"
TERMS = StreamingConfig(heartbeat=30.0, slow_reader_timeout=60.0)


class Scene:
    def __init__(self, terms: StreamingConfig = TERMS, bound: int = 1 << 20, waiting: int = 0) -> None:
        self.later = Later()
        self.wheel = Wheel(0.05, self.later.time)
        self.upstream = Upstream()
        self.reader = Reader(waiting=waiting)
        self.exchange = exchange(caller=self.reader)
        self.around: Surroundings = around(self.later, bound)
        self.gate = Gate(self.upstream, self.exchange, terms, self.around, self.wheel, PING)

    def push(self, frame: bytes) -> None:
        self.upstream.push(frame)
        self.exchange.bytes_out += len(frame)

    def wait(self, seconds: float) -> None:
        """Time passes, and the wheel turns."""
        until = self.later.time + seconds
        while self.later.time < until:
            self.later.time = min(until, self.later.time + 0.05)
            before = len(self.reader.got)
            self.wheel.turn(self.later.time)
            self.exchange.bytes_out += len(self.reader.got) - before

    @property
    def account(self) -> BoundedAccount:
        assert isinstance(self.around.account, BoundedAccount)
        return self.around.account


def test_frames_go_straight_to_the_sink() -> None:
    on = Scene()
    on.gate.start(on.reader)
    frame = said("a")
    on.push(frame)
    assert on.reader.frames[0] is frame
    assert on.gate.push == on.reader.push
    assert on.around.counts.levels["normal"] == 1
    on.upstream.end()
    assert on.reader.ends == [None]
    assert on.around.counts.levels["normal"] == 0


def test_a_silence_is_never_longer_than_the_heartbeat() -> None:
    on = Scene()
    on.gate.start(on.reader)
    on.push(said("a"))
    on.wait(14.9)
    assert on.reader.got == said("a")
    on.wait(15.4)  # a look may be a turn of the wheel late
    assert on.reader.got == said("a") + PING
    on.wait(60.6)
    assert on.reader.frames.count(PING) == 3
    assert on.around.counts.of("pinged", "silence") == 3


def test_a_stream_that_flows_is_not_pinged() -> None:
    on = Scene()
    on.gate.start(on.reader)
    for _ in range(20):
        on.push(said("a"))
        on.wait(14.0)
    assert PING not in on.reader.frames


def test_without_a_heartbeat_there_is_silence() -> None:
    on = Scene(StreamingConfig(heartbeat=0.0))
    on.gate.start(on.reader)
    on.wait(200)
    assert on.reader.frames == []


def test_nobody_is_pinged_after_the_end_and_nothing_is_kept() -> None:
    on = Scene()
    on.gate.start(on.reader)
    on.upstream.end()
    on.wait(100)
    assert on.reader.frames == []
    assert on.gate._source is on.gate._sink is on.gate._exchange is None


def test_a_held_stream_is_cut_at_the_timeout_and_not_pinged_meanwhile() -> None:
    on = Scene()
    on.gate.start(on.reader)
    on.gate.pause()
    assert on.upstream.held
    assert on.around.counts.paused == 1
    on.wait(59.9)
    assert on.reader.ends == []
    assert on.reader.frames == []
    on.wait(0.2)
    (error,) = on.reader.ends
    assert error is not None
    assert (error.code, error.fault) == ("slow_reader", "caller")
    assert on.upstream.cancelled == "slow_reader"
    assert on.around.counts.paused == 0
    assert on.around.counts.of("cut", "slow_reader") == 1


def test_a_reader_that_goes_on_in_time_has_its_time_again() -> None:
    on = Scene()
    on.gate.start(on.reader)
    for _ in range(5):
        on.gate.pause()
        on.wait(50)
        on.gate.resume()
        assert not on.upstream.held
    on.wait(29)
    assert on.reader.ends == []
    assert on.reader.frames == [PING]


def test_what_a_held_caller_has_not_taken_is_counted_until_it_goes_on() -> None:
    on = Scene(waiting=5000)
    on.gate.start(on.reader)
    on.gate.pause()
    on.gate.pause()
    assert on.account.held == 5000
    on.gate.resume()
    assert on.account.held == 0
    on.gate.pause()
    on.gate.cancel("caller left")
    assert on.account.held == 0
    assert on.around.counts.paused == 0


def test_when_all_slow_readers_hold_too_much_the_last_is_cut() -> None:
    on = Scene(bound=4000, waiting=5000)
    on.gate.start(on.reader)
    on.gate.pause()
    assert on.reader.ends == []  # a sink is not told of the end within its own call
    on.wait(0.1)
    (error,) = on.reader.ends
    assert error is not None
    assert error.code == "gateway_overloaded"
    assert on.account.held == 0
    assert on.around.counts.of("cut", "buffers_full") == 1


def test_held_before_the_start() -> None:
    on = Scene()
    on.gate.pause()
    on.gate.start(on.reader)
    assert on.upstream.held
    on.wait(60.1)
    assert len(on.reader.ends) == 1
