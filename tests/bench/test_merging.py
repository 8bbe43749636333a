from bench.merging import measure, relieve


def test_merging_trades_a_bounded_delay_for_fewer_events_bytes_and_packets() -> None:
    plain, merged = measure("Chinese", 0.008, None), measure("Chinese", 0.008, 0.05)
    assert (plain.events, plain.packets, plain.worst_delay) == (500, 500, 0.0)
    assert merged.events < 0.6 * plain.events
    assert merged.bytes < 0.6 * plain.bytes
    assert merged.packets < 0.6 * plain.packets
    assert 0 < merged.mean_delay < merged.worst_delay <= 0.05 + 1e-9


def test_a_slow_reader_gets_the_same_text_in_fewer_events_and_packets() -> None:
    """Coalesced under pressure: a packet stands for twenty events that were made, at least, and an event for four."""
    as_made, merged = (relieve(policy, 0.008, 4096, tokens=10_000) for policy in ("drop_nonessential", "coalesce"))
    assert (as_made.events, as_made.bytes) == (as_made.made, as_made.made_bytes)
    assert merged.text == as_made.text
    assert merged.made > 20 * merged.packets
    assert merged.made > 4 * merged.events
    assert merged.seconds < as_made.seconds / 3
