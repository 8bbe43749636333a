import math
import random

from penstock.insight.anomalies.measures import measures
from penstock.insight.anomalies.rows import AT, GATEWAY, Row, empty
from penstock.insight.anomalies.scope import LAG, ScopeWatch
from penstock.insight.anomalies.track import LONGEST, SEEN
from penstock.insight.anomaly_config import AnomalyConfig

PAIR = ("chat", "gpu-1")


class Played:
    """A scope that is given rows of ``calls`` calls each."""

    def __init__(self, scope: tuple[str | None, str | None] = PAIR) -> None:
        self.watch = ScopeWatch(scope, measures(AnomalyConfig()))
        self.draw = random.Random(3)
        self.at = 0.0

    def row(self, calls: int = 10, first: float = 0.4, out: float = 100.0, errors: float = 0.0) -> Row:
        row, draw = empty(), self.draw
        for _ in range(calls):
            row[AT["calls"]] += 1
            if draw.random() < errors:
                row[AT["upstream_faults"]] += 1
                continue
            row[AT["ended"]] += 1
            row[AT["firsts"]] += 1
            row[AT["log_first"]] += math.log(first) + draw.gauss(0, 0.4)
            row[AT["tokens_out"]] += out * draw.lognormvariate(0, 0.5)
            row[AT["tokens_in"]] += 500
        return row

    def play(self, windows: int, **how: float) -> set[str]:
        """The measures that were sure in one of so many windows."""
        found = set()
        for _ in range(windows):
            self.at += 10.0
            found |= {one.measure for one in self.watch.take(self.at, self.row(**how)) if one.sure}  # type: ignore[arg-type]
        return found


def test_quiet_hours_tell_nothing() -> None:
    assert Played().play(1500) == set()


def test_a_change_is_found_within_a_minute_and_is_over_in_two() -> None:
    played = Played()
    played.play(200)
    assert played.play(6, first=0.9) == {"first_token"}
    assert played.watch.tainted
    played.play(12 + 2 * LAG)
    assert played.play(20) == set()
    assert not played.watch.tainted


def test_what_was_suspected_for_a_minute_has_less_to_prove() -> None:
    for suspected, sure in ((SEEN + 1, {"first_token"}), (0, set())):
        played = Played()
        played.play(200)
        line = played.watch._lines["first_token"]
        for _ in range(suspected):
            line.track.take(played.at, False, True, 0)
        level = played.watch.level("first_token")
        assert level is not None
        row = empty()
        row[AT["calls"]] = row[AT["firsts"]] = 10.0
        slower = 5.9 / (math.sqrt(20.0) * line.series.scale(0))  # so many deviations over two windows; 6.3 are asked
        row[AT["log_first"]] = 10.0 * (level + slower)
        played.watch._rows[-1] = (played.at, list(row))
        found = {one.measure for one in played.watch.take(played.at + 10.0, row) if one.sure}
        assert found == sure


def test_shares_are_counted_beside_what_is_usual() -> None:
    played = Played()
    assert played.watch.counted("upstream_errors", 0) == (0.0, 0.0, 0.0)
    played.play(200)
    played.play(2, errors=1.0)
    failed, calls, usual = played.watch.counted("upstream_errors", 0)
    assert (failed, calls, usual) == (20.0, 20.0, 0.0)


def test_while_it_lasts_it_does_not_become_usual() -> None:
    played = Played()
    played.play(200)
    before = played.watch.level("first_token")
    played.play(60, first=1.2)
    assert before is not None
    after = played.watch.level("first_token")
    assert after is not None
    assert abs(after - before) < 0.05


def test_after_an_hour_it_is_usual() -> None:
    played = Played()
    played.play(200)
    played.play(LONGEST + 100, first=1.2)
    assert played.play(50, first=1.2) == set()


def test_three_calls_a_minute_raise_nothing() -> None:
    played = Played()
    played.play(400)
    for _ in range(8):
        for calls in (1, 0):
            played.play(1, calls=calls)
    for _ in range(30):
        for calls in (1, 0):
            assert played.play(1, calls=calls, first=5.0, errors=0.9) <= {"calls"}


def test_it_is_like_this_every_day() -> None:
    """The same hour, the third day: ten times the calls at two o'clock are no shift of traffic."""
    played = Played(GATEWAY)
    told = []
    for step in range(2 * 8640 + 1800):
        hour = step % 8640 // 360
        played.at += 10.0
        row = empty()
        row[AT["calls"]] = 100 if hour == 2 else 10
        symptoms = played.watch.take(played.at, row)
        told.append(any(one.measure == "calls" and one.sure for one in symptoms))
    assert any(told[:8640])
    assert not any(told[2 * 8640 :])


def test_what_is_usual_survives_a_restart() -> None:
    played, again = Played(), Played()
    played.play(200)
    again.watch.load(played.watch.dump())
    assert again.watch.level("first_token") == played.watch.level("first_token")
    assert again.play(6, first=0.9) == {"first_token"}
    again.watch.load({"first_token": ["count"], "calls": None, "unheard-of": [1]})
    assert again.watch.level("first_token") is not None


def test_a_pair_learns_nothing_while_those_above_are_not_as_usual() -> None:
    parent = Played(("chat", None))
    child = ScopeWatch(PAIR, measures(AnomalyConfig()), [parent.watch])
    parent.play(10)
    track = parent.watch.track("first_token")
    assert track is not None
    track.tainted = 10**6
    for step in range(100 + LAG):
        child.take(step * 10.0, parent.row())
    assert child.level("first_token") is None
    assert child.level("answer_tokens") is not None
    assert parent.watch.track("unheard-of") is None
    assert "changes" in repr(child)
