from bench import pools


def test_every_kind_is_measured_both_ways() -> None:
    found = pools.measure(3, 0.001)
    assert set(found) == {"token buffers", "embeddings", "responses", "contexts", "batches", "large bodies"}
    for one in found.values():
        assert one["anew_ns"] > 0
        assert one["gain_low"] <= one["gain"] <= one["gain_high"]
