from penstock.warmup.keeping import Pace


def test_what_holds_is_looked_at_at_every_beat() -> None:
    pace = Pace(beat=5.0)
    for now in (0.0, 5.0, 10.0):
        assert pace.due(["a", "b"], now) == ["a", "b"]
        pace.opened("a", 0, now)


def test_who_closes_what_was_opened_is_asked_ever_more_seldom() -> None:
    pace, opened, now = Pace(beat=5.0, longest=300.0), [], 0.0
    while now < 3600.0:
        if pace.due(["a"], now):
            pace.opened("a", 1, now)
            opened.append(now)
        now += 5.0
    assert len(opened) < 20
    assert opened[-1] - opened[-2] == 300.0


def test_one_that_needs_another_connection_a_minute_gets_it() -> None:
    pace, opened, until, now = Pace(beat=5.0), 0, 0.0, 0.0
    while now < 3600.0:
        if pace.due(["a"], now):
            lacking = until < now + pace.ahead
            until = now + 60.0 if lacking else until
            opened += lacking
            pace.opened("a", int(lacking), now)
        now += 5.0
    assert 65 <= opened <= 75  # sooner than at its end, and no more often than that takes


def test_who_cannot_be_reached_rests_and_is_forgotten_when_gone() -> None:
    pace = Pace(beat=5.0, longest=40.0)
    pauses, now = [], 0.0
    for _ in range(5):
        pace.failed("a", now)
        now += 5.0
        began = now
        while not pace.due(["a"], now):
            now += 5.0
        pauses.append(now - began + 5.0)
    assert pauses == [10.0, 20.0, 40.0, 40.0, 40.0]
    pace.failed("a", now)
    assert pace.due(["b"], now) == ["b"]
    assert pace.due(["a"], now) == ["a"]
