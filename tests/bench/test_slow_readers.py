import pytest

from bench.slow_readers import event, measure


def test_an_event_has_the_wanted_size_and_is_one_chunk() -> None:
    data = event(5000)
    size, _, rest = data.partition(b"\r\n")
    assert int(size, 16) == len(rest) - 2
    assert abs(len(data) - 5000) < 100
    assert rest.endswith(b"\n\n\r\n")


@pytest.mark.slow
def test_a_short_run_leaves_the_quick_ones_whole_and_stops_the_upstreams_of_the_slow() -> None:
    result = measure(streams=24, slow=4, seconds=4.0, mib=16)
    assert (result["quick_whole"], result["broken"]) == (20, 0)
    assert result["slow_sent_kib_most"] < 0.7 * result["answer_kib"]
    assert 0 < result["held_mib"] < 4 * result["answer_kib"] / 1024
