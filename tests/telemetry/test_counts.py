import json

from penstock.telemetry.counts import Counts


def test_a_dump_is_plain() -> None:
    counts = Counts()
    counts.sent["traces"] += 3
    counts.dropped["traces", "full"] += 1
    counts.requests["metrics", "ok"] += 2
    assert json.loads(json.dumps(counts.dump())) == {
        "sent": {"traces": 3}, "dropped": [["traces", "full", 1]], "requests": [["metrics", "ok", 2]],
    }  # fmt: skip
    assert "3" in repr(counts)
