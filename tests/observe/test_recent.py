import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import UpstreamError
from penstock.core.finished import Finished, Record, record
from penstock.core.trace import Trace
from penstock.observe.recent import Recent, told
from tests.support.exchanges import finished


def test_the_newest_come_first_and_the_oldest_are_forgotten() -> None:
    recent = Recent(3)
    for number in range(5):
        recent.add(record(finished(id=f"req_{number}"), 5.0))
    assert [row["id"] for row in recent.rows()] == ["req_4", "req_3", "req_2"]
    assert [row["id"] for row in recent.rows(2)] == ["req_4", "req_3"]
    assert recent.rows(0) == []
    assert recent.find("req_0") is None
    found = recent.find("req_3")
    assert found is not None
    assert found["id"] == "req_3"


def test_a_row_tells_how_the_call_went_and_nothing_of_what_was_said() -> None:
    recent = Recent(1)
    recent.add(record(finished("error", error=UpstreamError("down"), status=502), 1_800_000_000.0))
    (row,) = recent.rows()
    assert (row["ended"], row["seconds"], row["first_byte_seconds"], row["upstream_seconds"]) == (
        1_800_000_000.0,
        2.5,
        1.0,
        2.0,
    )
    assert (row["status"], row["outcome"], row["error"], row["tokens_out"]) == (502, "error", "upstream_failed", 22)
    assert row["trace"] is None
    assert "secret" not in repr(row)


def test_a_call_whose_trace_is_kept_names_it() -> None:
    recent = Recent(1)
    recent.add(record(finished(trace=Trace("ab" * 16, 1, "", 1, b"", True, 0.0)), 5.0))
    assert recent.rows()[0]["trace"] == "ab" * 16


def test_an_unknown_model_is_shown_in_part_only() -> None:
    recent = Recent(1)
    recent.add(record(finished(asked="x" * 1000, model=""), 0.0))
    assert len(recent.rows()[0]["model"]) <= 100


def test_another_size_keeps_the_newest() -> None:
    recent = Recent(4)
    for number in range(4):
        recent.add(record(finished(id=str(number)), 0.0))
    recent.resize(2)
    assert [row["id"] for row in recent.rows()] == ["3", "2"]
    recent.resize(0)
    recent.add(record(finished(), 0.0))
    assert recent.rows() == []


def test_many_at_once() -> None:
    recent = Recent(2)
    recent.extend([record(finished(id=str(number)), 0.0) for number in range(3)])
    assert [row["id"] for row in recent.rows()] == ["2", "1"]


@given(st.lists(st.lists(st.booleans(), max_size=5), max_size=12), st.integers(0, 9))
def test_whatever_is_packed_the_newest_are_told_as_they_came(batches: list[list[bool]], size: int) -> None:
    recent, all_rows = Recent(size), list[Record]()
    for traced in batches:
        trace = [Trace("ab" * 16, 1, "", 1, b"", True, 0.0) if one else None for one in traced]
        rows = [record(finished(id=f"{len(all_rows) + at}", trace=one), 1.5) for at, one in enumerate(trace)]
        all_rows += rows
        recent.extend(rows)
        kept = all_rows[max(0, len(all_rows) - size) :]
        assert recent.newest() == kept
        assert recent.find(f"{len(all_rows) - size - 1}") is None
        assert recent.find("\ud800") is None
        assert recent.rows(-1) == []
        assert all(recent.find(row[1]) == told(Finished._make(row)) for row in kept)
        assert recent.rows(3) == [told(Finished._make(row)) for row in kept[-3:][::-1]]


def test_what_stays_is_packed() -> None:
    recent = Recent(1000)
    tracemalloc.start()
    try:
        for number in range(100):
            recent.extend([record(finished(id=f"{number}.{row}"), number + row / 7) for row in range(20)])
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 330_000
    assert len(recent.newest()) == 1000
