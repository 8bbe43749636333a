from penstock.insight.anomalies.rows import GATEWAY
from penstock.insight.anomalies.track import CALM, LONGEST, PERSISTS, SEEN, Symptom, Track


def test_once_is_not_enough_and_it_ends_when_it_has_been_calm() -> None:
    track = Track()
    assert not track.take(10.0, True, True, 12)
    assert not track.take(20.0, False, False, 12)
    for at in range(PERSISTS - 1):
        assert not track.take(30.0 + at, True, True, 12)
    assert track.take(40.0, True, True, 12)
    assert track.since == 30.0
    for _ in range(CALM - 1):
        assert track.take(50.0, False, False, 12)
    assert not track.take(60.0, False, False, 12)


def test_what_is_still_suspect_is_not_over() -> None:
    track = Track()
    for at in range(PERSISTS):
        track.take(float(at), True, True, 12)
    for at in range(50):
        assert track.take(10.0 + at, False, True, 12)


def test_what_was_long_suspected_need_be_flagged_but_once_and_began_when_it_was_first_seen() -> None:
    track = Track()
    for at in range(SEEN):
        assert not track.take(10.0 * at, False, True, 12)
    assert track.take(10.0 * SEEN, True, True, 12)
    assert track.since == 0.0
    track = Track()
    for at in range(SEEN):
        track.take(10.0 * at, False, at != SEEN - 1, 12)  # the last was calm: all begins anew
    assert not track.take(10.0 * SEEN, True, True, 12)
    assert track.since == 10.0 * SEEN


def test_nothing_is_learned_for_a_while_after_it_was_seen() -> None:
    track = Track()
    track.take(0.0, True, True, 3)
    seen = []
    for at in range(5):
        seen.append(track.tainted)
        track.take(1.0 + at, False, False, 3)
    assert seen == [3, 2, 1, 0, 0]
    assert not track.rests
    for at in range(CALM):
        track.take(10.0 + at, False, False, 3)
    assert track.rests


def test_what_lasts_is_usual_in_the_end() -> None:
    track = Track()
    for at in range(LONGEST + PERSISTS - 1):
        assert not track.overdue
        track.take(float(at), True, True, 12)
    assert track.overdue
    track.end()
    assert not track.active
    assert track.tainted == 0


def test_a_symptom_knows_which_way_it_went() -> None:
    symptom = Symptom("calls", GATEWAY, 1.0, 2.0, -0.7, -6.0, True, 0.0)
    assert not symptom.up
    assert symptom._replace(change=0.7).up
