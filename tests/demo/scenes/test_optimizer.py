from penstock.demo.scenes.optimizer import latency, optimized


def test_what_helps_is_kept_and_what_does_not_is_not() -> None:
    journal, value = optimized(2)
    assert any(one.state == "kept" for one in journal)
    assert latency(value) < 0.8 * latency(0.08)
    assert journal == optimized(2)[0], "chance is drawn alike each time"
