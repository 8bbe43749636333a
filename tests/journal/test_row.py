import msgspec
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import UpstreamError
from penstock.journal.row import Row, read_row, told
from penstock.journal.values import row_of
from tests.journal.writing import written
from tests.support.exchanges import finished


def test_it_says_what_became_of_the_call() -> None:
    row = written(scope="key-1", answered_as="", cache="miss", queued=0.25, network=0.03)
    assert row == Row(
        at_ms=5000, id="req_0xaa-1", key="key-1", scope="key-1", operation="chat", model="m", asked="m", answered="m",
        upstream="up", status=200, outcome="ok", attempts=1, cache="miss", tags="a,b", session="s1", digest="b12",
        tokens_in=11, tokens_out=22, tokens_cached=5, bytes_in=56, bytes_out=78, total_us=2_500_000,
        first_byte_us=1_000_000, queue_us=250_000, upstream_us=2_000_000, overhead_us=300, network_us=30_000,
        body=msgspec.Raw(b"null"),
    )  # fmt: skip


def test_it_says_what_the_call_cost_and_spared() -> None:
    row = written(cost=12, saved=3)
    assert (row.cost, row.saved, told(row)["cost"], told(row)["saved"]) == (12, 3, 0.000012, 0.000003)
    older = read_row(msgspec.json.encode(msgspec.json.decode(msgspec.json.encode(row))[:-2]))
    assert older is not None
    assert (older.cost, older.saved) == (0, 0)


def test_an_error_has_its_code_and_whose_fault_it_was() -> None:
    row = written(outcome="error", error=UpstreamError("down", code="upstream_down"), status=502)
    assert (row.outcome, row.status, row.error, row.fault) == ("error", 502, "upstream_down", "upstream")


def test_tokens_a_second_need_time_and_tokens() -> None:
    assert written(stream=True, tokens_out=31).tokens_per_second == 20.0  # 30 gaps in 1.5 s
    assert written(stream=True, tokens_out=1).tokens_per_second is None
    assert written(stream=True, first_byte=0.0).tokens_per_second is None
    assert written(tokens_out=22).tokens_per_second == 11.0  # the upstream was waited for two seconds
    assert written(waited=0.0).tokens_per_second is None
    assert written(tokens_out=0).tokens_per_second is None


def test_prefill_is_the_time_to_the_first_token_less_what_is_ours() -> None:
    assert written(stream=True, queued=0.2, overhead=0.1).prefill_us == 700_000
    assert written(stream=True, queued=2.0).prefill_us == 0
    assert written().prefill_us is None  # nobody saw the first token
    assert written(stream=True, cache="hit-exact").prefill_us is None


def test_hits_and_those_that_might_have_been() -> None:
    assert [(written(cache=cache).was_looked_up, written(cache=cache).was_hit) for cache in (
        "hit-exact", "hit-semantic", "coalesced", "miss", "bypass", "",
    )] == [(True, True), (True, True), (True, True), (True, False), (False, False), (False, False)]  # fmt: skip


def test_told_in_seconds_and_without_the_body_unless_asked() -> None:
    row = written(body=msgspec.Raw(b'{"model":"m"}'), stream=True)
    said = told(row)
    assert "body" not in said
    assert (said["total_seconds"], said["ended"], said["network_seconds"]) == (2.5, 5.0, None)
    assert msgspec.json.decode(msgspec.json.encode(told(row, bodies=True)))["body"] == {"model": "m"}
    assert "body" not in told(written(), bodies=True)


def test_rows_of_other_versions() -> None:
    stored = msgspec.json.decode(row_of(finished(), 1, "", "", "", 0.0, None))
    newer = read_row(msgspec.json.encode([*stored, "a field that is not known yet", {"more": 1}]))
    older = read_row(msgspec.json.encode(stored[:12]))
    assert newer is not None
    assert newer.id == "req_0xaa-1"
    assert older is not None
    assert (older.id, older.tokens_out) == ("req_0xaa-1", 0)


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(msgspec.json.encode))
def test_what_is_no_row_is_none(stored: bytes) -> None:
    row = read_row(stored)
    assert row is None or isinstance(row, Row)


@given(st.text(), st.text(), st.text())
def test_any_text_comes_back(tags: str, model: str, upstream: str) -> None:
    exchange = finished(model=model, upstream=upstream)
    try:
        stored = row_of(exchange, 1, "", "", tags, 0.0, None)
    except UnicodeEncodeError:
        return
    row = read_row(stored)
    assert row is not None
    assert b"\n" not in stored
    assert (row.tags, row.model, row.upstream) == (tags, model, upstream)
