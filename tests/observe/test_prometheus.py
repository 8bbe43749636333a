from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from make_metrics import sample
from penstock.coalesce.counts import Counts as Shared
from penstock.core.errors import UpstreamError
from penstock.grouping.counts import Counts as Held
from penstock.jobs.numbers import Numbers
from penstock.memory.pauses import Pauses
from penstock.observe.board import Board
from penstock.observe.prometheus import METRICS, render
from penstock.process.loop import run
from penstock.streaming.counts import Counts
from tests.support.boards import count
from tests.support.exchanges import finished
from tests.support.gateway import ask, running_gateway


def routing(**more: Any) -> dict[str, Any]:
    row = {"waiting_tokens": 100.5, "decoding": 2, "prefix_blocks": 30, "prefill_rate": 5000.0, "token_seconds": 0.02}
    row |= {"kv_use": 0.25, "reported_calls": 4.0, **more}
    return {"rows": [["up", row]], "sessions": 5, "scrapes": [["up", "ok", 9], ["up", "late", 1]]}


SEMANTIC: dict[str, Any] = {
    "lookups": [["hit", "verified", 1]],
    "shadows": {"right": 1},
    "judge": {"same": 1},
    "equal": {"same": 1},
    "feedback": {"wrong": 1},
    "removed": 0,
    "ready": True,
    "questions": 0,
    "partitions": 0,
    "bytes": 0,
    "probabilities": [[1.0], [0, 0], 0.0],
    "embedder": {"state": "well", "trips": 0, "texts": {"embedded": 1}},
    "bounds": [{"model": "m", "requests": 1, "estimate": 0.0, "low": 0.0, "high": 0.0, "stopped": "", "stops": 0}],
}


STORE: dict[str, Any] = {
    "kind": "sqlite",
    "reachable": True,
    "queued": 1,
    "queued_bytes": 300,
    "lost": 2,
    "operations": [["put", "ok", 5]],
}

COLLECTOR: dict[str, Any] = {
    **Pauses().dump(0.0),
    "made": {"young": 1},
    "mood": "relaxed",
    "frozen": 3,
    "leak": {"suspicions": {}, "alarms": {}, "clean_ups": 0, "freed": {"collect": 0, "clean up": 0}},
}


def dump(board: Board | None, worker: int = 0, **more: Any) -> dict[str, Any]:
    plain = sample() | {  # what it says of the newer slices, in which each of their metrics occurs
        "worker": worker,
        "uptime": 10.0 + worker,
        "reloads": 1,
        "connections": 3,
        "connections_refused": 1,
        "refused_at_the_edge": 2,
        "accounts": {"bodies": [10, 100, 50, 4]},
        "upstreams": {"up": [1, 20, 5]},
        "routing": routing(),
        "process": {"pid": 1, "seconds": 1.5, "rss": 4096, "descriptors": 12, "tasks": 3},
        "journal": {"written": 5, "lost": 1},
        "coalesce": Shared().dump(),
        "collector": COLLECTOR,
        "jobs": {**Numbers().dump(), "open": {"in_progress": 1}, "ended": {"completed": 1}, "lines": {"ok": 1}},
        "grouping": Held().dump(),
        "resume": {"kept": 3, "running": 1, "opened": 4, "resumed": 2, "refused": 0},
        "streams": Counts().dump(),
        "cache": {
            "ready": True,
            "entries": 2,
            "bytes": 9,
            "memory_bytes": 5,
            "operations": [["exact", "hit", 1]],
            "stores": {"kept": 1},
            "evicted": {"full": 1},
            "lookups": {"exact": [[1.0], [1, 0], 0.5]},
            "saved": {"tokens_in": 1, "tokens_out": 2, "micro_dollars": 3, "seconds": 4.0},
            "semantic": SEMANTIC,
        },
        "store": STORE,
        "health": {
            "upstreams": {
                "up": {
                    "state": "closed" if worker else "open",
                    "ejections": 2,
                    "keys_at_rest": 1,
                    "probes": {"well": 3},
                }
            },
            "retries": {"m": [60.5, 4]},
        },
        "observed": None if board is None else board.dump(),
        **more,
    }
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(plain))
    return decoded


def board(*calls: Any) -> Board:
    made = Board()
    for call in calls:
        count(made, call)
    return made


def parsed(text: str) -> dict[str, Metric]:
    """By name as it stands on the page. Each family must come once, with all its samples together."""
    families = list(text_string_to_metric_families(text))
    by_name = {family.name + ("_total" if family.type == "counter" else ""): family for family in families}
    assert len(by_name) == len(families), "a family comes twice"
    return by_name


def value(families: dict[str, Metric], name: str, sample: str = "", **labels: str) -> float:
    found = [
        one.value
        for one in families[name].samples
        if one.name == (sample or name) and labels.items() <= one.labels.items()
    ]
    assert len(found) == 1, (name, labels, found)
    return float(found[0])


def test_every_metric_of_the_table_is_on_the_page_as_what_it_is_said_to_be() -> None:
    broke = finished(tags="team=search,revenue=0.5")
    broke.name_wait("admission", 0.5)
    broke.attempts, broke.failures, broke.rescues = 2, [("reset", "up")], ["prefill"]
    broke.hedge = ("won", 12.5)
    counted = board(broke)
    counted.hear("m", 0.5)
    looks, loads = {"x": {"instances": 2, "failed": 3}}, {"own": [1.5, 2.5], "starting": []}
    families = parsed(render([dump(counted)], "1.2.3", looks, loads))
    assert value(families, "penstock_engine_load_seconds", upstream="own") == 2.5
    assert value(families, "penstock_retries_total", kind="reset", upstream="up") == 1
    assert value(families, "penstock_rescues_total", how="prefill") == 1
    assert value(families, "penstock_hedges_total", outcome="won") == 1
    assert value(families, "penstock_hedge_tokens_total") == 12
    assert value(families, "penstock_discovered_instances", upstream="x") == 2
    assert value(families, "penstock_discovery_looks_total", upstream="x", result="failed") == 3
    assert value(families, "penstock_discovery_looks_total", upstream="x", result="same") == 0
    assert {name: family.type for name, family in families.items()} == {
        name: kind for name, (kind, _) in METRICS.items()
    }
    assert {name: family.documentation for name, family in families.items()} == {
        name: meaning for name, (_, meaning) in METRICS.items()
    }
    assert value(families, "penstock_build_info", version="1.2.3") == 1


def test_names_follow_the_conventions() -> None:
    for name, (kind, _) in METRICS.items():
        assert name.startswith("penstock_")
        assert name.endswith("_total") == (kind == "counter"), name


def test_workers_add_up() -> None:
    down = UpstreamError("down")
    first = board(finished(), finished("error", error=down, status=502))
    second = board(finished(), finished("left"))
    first.in_flight, second.in_flight = 1, 2
    families = parsed(render([dump(first), dump(second, 1)], "0"))
    assert value(families, "penstock_requests_total", status="200", fault="none") == 2
    assert value(families, "penstock_requests_total", status="502", fault="upstream", upstream="up") == 1
    assert value(families, "penstock_requests_total", status="499") == 1
    assert value(families, "penstock_tokens_total", kind="prompt", model="m", upstream="up") == 44
    assert value(families, "penstock_tokens_total", kind="cached") == 20
    assert value(families, "penstock_body_bytes_total", direction="out") == 4 * 78
    assert value(families, "penstock_in_flight") == 3
    assert value(families, "penstock_callers_left_total") == 1
    assert value(families, "penstock_workers") == 2
    assert value(families, "penstock_uptime_seconds") == 11
    assert value(families, "penstock_connections") == 6
    assert value(families, "penstock_account_bytes", account="bodies") == 20
    assert value(families, "penstock_account_bound_bytes", account="bodies") == 200
    assert value(families, "penstock_upstream_calls_total", upstream="up") == 40
    assert value(families, "penstock_process_cpu_seconds_total", worker="1") == 1.5


def test_what_workers_count_adds_up_and_what_they_measured_of_one_upstream_is_averaged() -> None:
    unknown = routing(prefill_rate=None, kv_use=None, token_seconds=0.04)
    twice = {**unknown, "rows": unknown["rows"] * 2}  # a reload has replaced the upstream
    families = parsed(render([dump(None), dump(None, 1, routing=twice)], "0"))
    assert value(families, "penstock_upstream_waiting_tokens", upstream="up") == 3 * 100.5
    assert value(families, "penstock_upstream_decoding", upstream="up") == 6
    assert value(families, "penstock_upstream_prefix_blocks", upstream="up") == 90
    assert value(families, "penstock_upstream_prefill_tokens_per_second", upstream="up") == 5000
    assert value(families, "penstock_upstream_token_seconds", upstream="up") == pytest.approx(0.1 / 3)
    assert value(families, "penstock_upstream_kv_use_ratio", upstream="up") == 0.25
    assert value(families, "penstock_scrapes_total", upstream="up", result="ok") == 18
    assert value(families, "penstock_sessions") == 10
    families = parsed(render([dump(None, routing=unknown)], "0"))
    assert "penstock_upstream_kv_use_ratio" not in families


def test_histograms_are_cumulative_and_end_in_infinity() -> None:
    families = parsed(render([dump(board(finished(), finished()))], "0"))
    for name in ("penstock_request_seconds", "penstock_first_byte_seconds", "penstock_overhead_seconds"):
        family = families[name]
        buckets = [(float(one.labels["le"]), one.value) for one in family.samples if one.name == f"{name}_bucket"]
        assert buckets == sorted(buckets)
        assert buckets[-1] == (float("inf"), 2)
        assert value(families, name, f"{name}_count") == 2
    assert value(families, "penstock_request_seconds", "penstock_request_seconds_sum") == pytest.approx(5.0)


def test_without_the_observe_room_the_rest_is_told() -> None:
    families = parsed(render([dump(None)], "0"))
    assert value(families, "penstock_connections") == 3
    assert "penstock_requests_total" not in families


def test_before_any_worker_answered() -> None:
    assert value(parsed(render([], "0")), "penstock_workers") == 0


@given(st.lists(st.text(max_size=12), min_size=1, max_size=4, unique=True))
def test_any_name_survives_as_a_label(names: list[str]) -> None:
    families = parsed(render([dump(None, upstreams={name: [1, 2, 3] for name in names})], "0"))
    told = [one.labels["upstream"] for one in families["penstock_upstream_calls_total"].samples]
    assert told == names


def test_the_page_of_a_running_gateway() -> None:
    async def main() -> dict[str, Metric]:
        async with running_gateway() as gateway:
            body = {"model": "echo", "messages": [{"role": "user", "content": "one two three"}]}
            for one in (body, {**body, "stream": True}, {**body, "model": "none"}):
                await ask(gateway.port, "POST", "/v1/chat/completions", [gateway.bearer], one)
            await ask(gateway.port, "POST", "/v1/chat/completions", [], body)
            return parsed((await ask(gateway.port, "GET", "/metrics")).body.decode())

    families = run(main())
    calls = families["penstock_requests_total"].samples
    assert {(one.labels["model"], one.labels["status"], one.value) for one in only(calls, "status", "200")} == {
        ("echo", "200", 2.0)
    }
    assert [one.value for one in only(calls, "status", "404")] == [1.0]
    assert [one.value for one in only(calls, "status", "401")] == [1.0]
    assert value(families, "penstock_tokens_total", kind="completion", model="echo") == 6
    assert value(families, "penstock_in_flight") == 0
    assert value(families, "penstock_account_bytes", account="bodies") == 0


def only(samples: Iterable[Any], label: str, wanted: str) -> list[Any]:
    return [one for one in samples if one.labels[label] == wanted]
