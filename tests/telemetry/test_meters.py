from penstock.core.finished import Finished
from penstock.telemetry import meters as module
from penstock.telemetry.meters import Meters, Point
from penstock.telemetry.names import CLIENT, CONVENTIONS, SERVER, TOKEN_USAGE, Server
from tests.support.records import call

SERVERS = {"up": Server("openai", "api.openai.com", 443)}


def counted(*calls: Finished, convention: str = "1.42") -> dict[str, list[Point]]:
    made = Meters(CONVENTIONS[convention], SERVERS)
    for one in calls:
        made.take(one)
    found: dict[str, list[Point]] = {}
    for point in made.points():
        found.setdefault(point.metric.name, []).append(point)
    return found


def test_a_stream_counts_in_every_metric() -> None:
    found = counted(call())
    assert {name: [round(point.sum, 6) for point in points] for name, points in found.items()} == {
        "gen_ai.server.request.duration": [2.0],
        "gen_ai.server.time_to_first_token": [0.75],
        "gen_ai.server.time_per_output_token": [0.0625],
        "gen_ai.client.operation.duration": [1.75],
        "gen_ai.client.operation.time_to_first_chunk": [0.5],
        "gen_ai.client.operation.time_per_output_chunk": [0.0625],
        "gen_ai.client.token.usage": [100, 21],
    }
    (point,) = found["gen_ai.server.request.duration"]
    assert dict(point.attributes) == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m",
        "penstock.upstream": "up", "server.address": "api.openai.com", "server.port": 443,
    }  # fmt: skip
    assert [dict(point.attributes)["gen_ai.token.type"] for point in found["gen_ai.client.token.usage"]] == [
        "input", "output",
    ]  # fmt: skip


def test_values_fall_into_their_buckets_the_upper_bound_included() -> None:
    (point,) = counted(call(total=0.01, first_byte=0.0), call(total=0.0101, first_byte=0.0), call(total=1e6))[
        SERVER.name
    ]
    assert point.counts[:2] == [1, 1]
    assert point.counts[-1] == 1
    assert (sum(point.counts), point.least, point.most) == (3, 0.01, 1e6)


def test_an_error_is_told_and_has_no_time_to_first_token() -> None:
    found = counted(call(status=502, outcome="error", fault="upstream", error="upstream_failed"))
    assert dict(found[SERVER.name][0].attributes)["error.type"] == "upstream_error"
    assert dict(found[CLIENT.name][0].attributes)["error.type"] == "upstream_error"
    assert "gen_ai.server.time_to_first_token" not in found


def test_a_series_never_stands_twice() -> None:
    broke = call(status=200, outcome="error", fault="upstream", error="upstream_failed")
    found = counted(call(), broke, call(operation="messages"), call(operation="responses"))
    for points in found.values():
        assert len({point.attributes for point in points}) == len(points)
    assert sum(sum(point.counts) for point in found[TOKEN_USAGE.name]) == 8
    assert len(found[TOKEN_USAGE.name]) == 2


def test_what_the_cache_answered_was_no_call_to_an_upstream() -> None:
    assert set(counted(call(cache="hit", attempts=0, upstream="", tokens_out=0))) == {
        "gen_ai.server.request.duration", "gen_ai.server.time_to_first_token",
    }  # fmt: skip
    assert CLIENT.name not in counted(call(cache="coalesced"))


def test_an_older_convention_has_fewer_metrics() -> None:
    found = counted(call(), convention="1.37")
    assert not [name for name in found if "chunk" in name]


def test_what_callers_write_makes_no_series(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    unserved = [call(model=f"made-up-{n}", upstream="", attempts=0, status=404, fault="caller") for n in range(50)]
    assert len(counted(*unserved)[SERVER.name]) == 1
    monkeypatch.setattr(module, "MOST_SERIES", 3)
    points = counted(*(call(model=f"m{n}") for n in range(10)))[SERVER.name]
    assert len(points) == 4
    assert points[-1].attributes == (("otel.metric.overflow", True),)
    assert sum(points[-1].counts) == 7


def test_counting_may_begin_anew() -> None:
    made = Meters(CONVENTIONS["1.42"], SERVERS)
    made.take(call())
    made.clear()
    assert made.points() == []
    made.take(call())
    assert len(made.points()) == 8
