from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from penstock.telemetry.counts import Counts
from penstock.telemetry.meters import Meters
from penstock.telemetry.names import CONVENTIONS
from penstock.telemetry.otlp import PROTOCOLS
from penstock.telemetry.readings import Readings
from penstock.telemetry.requests import Requests
from tests.support.otlp_receiver import metrics_by_name
from tests.support.records import call

REQUESTS = Requests(PROTOCOLS["http/protobuf"], {}, "1", "1.42")


def readings(*, delta: bool) -> Readings:
    made = Readings(Counts())
    made.follow(Meters(CONVENTIONS["1.42"], {}), REQUESTS, 60.0, 1000.0, delta=delta)
    return made


def told(made: Readings, now: float, *, everything: bool = False) -> tuple[int, int, int] | None:
    """How many calls a batch tells of, from when to when."""
    batch = made.batch(now, everything=everything)
    if batch is None:
        return None
    request = ExportMetricsServiceRequest()
    request.ParseFromString(batch[0])
    (point,) = metrics_by_name(request)["gen_ai.server.request.duration"].histogram.data_points
    assert batch[1] == 8
    return point.count, point.start_time_unix_nano // 10**9, point.time_unix_nano // 10**9


def test_cumulative_ones_count_from_the_start() -> None:
    made = readings(delta=False)
    assert not made.keeps
    made.take(call())
    assert told(made, 1059.0) is None
    assert told(made, 1060.0) == (1, 1000, 1060)
    made.take(call())
    assert told(made, 1061.0) is None
    assert told(made, 1120.0) == (2, 1000, 1120)
    assert told(made, 1121.0, everything=True) == (2, 1000, 1121)


def test_others_count_from_the_last_time() -> None:
    made = readings(delta=True)
    assert made.keeps, "a batch that was lost would be missing"
    made.take(call())
    assert told(made, 1060.0) == (1, 1000, 1060)
    assert told(made, 1120.0) is None, "nothing happened"
    made.take(call())
    assert told(made, 1180.0) == (1, 1060, 1180)


def test_switched_off_nothing_is_counted() -> None:
    made = readings(delta=False)
    made.follow(None, None, 0.0, 0.0, delta=False)
    made.take(call())
    assert made.batch(9e9, everything=True) is None
    assert (made.held, made.drop("stopped"), made.work()) == (0, 0, False)
