from bench.merging import measure


def test_merging_trades_a_bounded_delay_for_fewer_events_bytes_and_packets() -> None:
    plain, merged = measure("Chinese", 0.008, None), measure("Chinese", 0.008, 0.05)
    assert (plain.events, plain.packets, plain.worst_delay) == (500, 500, 0.0)
    assert merged.events < 0.6 * plain.events
    assert merged.bytes < 0.6 * plain.bytes
    assert merged.packets < 0.6 * plain.packets
    assert 0 < merged.mean_delay < merged.worst_delay <= 0.05 + 1e-9
