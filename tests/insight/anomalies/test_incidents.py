import math
from itertools import count

from penstock.insight.anomalies.incidents import ECHO, HELD, SETTLE, Blame, Incidents
from penstock.insight.anomalies.rows import GATEWAY, Scope
from penstock.insight.anomalies.track import Symptom
from penstock.insight.findings import Anomaly, Contributor


def symptom(measure: str, scope: Scope = GATEWAY, off: float = 9.0, sure: bool = True, key: str = "") -> Symptom:
    return Symptom(measure, scope, 2.0, 1.0, math.log(2), off, sure, 0.0, key)


def blame(one: Symptom) -> list[Contributor]:
    if one.measure in ("first_token", "token_gap", "upstream_errors"):
        return [Contributor("upstream", one.scope[1] or "u1", 1.0)]
    return [Contributor("gauge", one.measure + one.key, 1.0)]


class Played:
    def __init__(self, blame: Blame = blame) -> None:
        numbers = count(1)
        self.blame = blame
        self.incidents = Incidents(lambda: f"a{next(numbers)}")
        self.at = 0.0

    def play(self, windows: int, *symptoms: Symptom) -> tuple[list[Anomaly], list[Anomaly]]:
        opened, ended = [], []
        for _ in range(windows):
            self.at += 10.0
            more, less = self.incidents.take(self.at, symptoms, self.blame)
            opened += more
            ended += less
        return opened, ended


def blames(*places: tuple[str, str]) -> Blame:
    """Another one each time it is asked, the last again and again."""
    left = list(places)

    def blame(_: Symptom) -> list[Contributor]:
        return [Contributor(*(left.pop(0) if len(left) > 1 else left[0]), 1.0)]

    return blame


LATE = symptom("first_token", (None, "u1"))


def test_a_change_is_looked_at_before_it_is_told() -> None:
    played = Played()
    assert played.play(SETTLE, LATE) == ([], [])
    opened, _ = played.play(1, LATE)
    assert [(one.id, one.measure) for one in opened] == [("a1", "first_token")]


def test_who_is_blamed_must_be_so_twice() -> None:
    played = Played(blames(("model", "m"), ("upstream", "u2"), ("upstream", "u1")))
    assert played.play(3, LATE) == ([], [])
    (anomaly,), _ = played.play(1, LATE)
    assert anomaly.blames == "upstream=u1"
    flips = Played(blames(*[("upstream", f"u{number}") for number in range(30)]))
    assert flips.play(SETTLE + HELD, LATE) == ([], [])
    assert len(flips.play(1, LATE)[0]) == 1


def test_a_pair_or_nobody_is_blamed_only_after_a_while() -> None:
    for place in (("pair", "m at u1"), ("gateway", "all")):
        played = Played(blames(place))
        assert played.play(SETTLE + HELD, LATE) == ([], [])
        assert len(played.play(1, LATE)[0]) == 1
    traffic = Played(blames(("gateway", "all")))
    assert len(traffic.play(SETTLE + 1, symptom("calls"))[0]) == 1


def test_what_has_been_there_for_a_minute_is_told_at_once_unless_it_jumps() -> None:
    for off, number in ((6.0, 1), (12.0, 0)):
        played = Played(blames(("pair", "m at u1")))
        played.at = 100.0
        assert len(played.play(1, LATE._replace(off=off))[0]) == number


def test_what_goes_with_it_opens_nothing_even_later() -> None:
    played = Played()
    opened, _ = played.play(5, LATE, symptom("queue"))
    more, _ = played.play(5, LATE, symptom("queue"), symptom("calls"), symptom("token_gap", ("m", "u1")))
    assert [len(opened), len(more)] == [1, 0]


def test_two_faults_are_two_anomalies() -> None:
    opened, _ = Played().play(5, LATE, symptom("price", ("m", None)), symptom("memory"))
    assert sorted(one.measure for one in opened) == ["memory", "price"]
    opened, _ = Played().play(5, LATE, symptom("first_token", ("m", "u2")), symptom("first_token", (None, "u2")))
    assert sorted(one.upstream for one in opened) == ["u1", "u2"]


def test_a_deeper_cause_takes_its_place() -> None:
    played = Played()
    (anomaly,), _ = played.play(4, symptom("loop_lag"))
    assert anomaly.kind == "loop_blocked"
    opened, _ = played.play(2, symptom("loop_lag"), symptom("collector_pause"))
    assert opened == []
    assert (anomaly.kind, anomaly.blames) == ("collector_pauses", "gauge=collector_pause")


def test_it_ends_and_its_echo_is_not_told() -> None:
    played = Played()
    (anomaly,), _ = played.play(4, LATE)
    _, ended = played.play(3)
    assert ended == [anomaly]
    assert anomaly.end is not None
    assert played.play(5, symptom("queue")) == ([], [])


def test_the_same_again_soon_is_the_same_and_later_another() -> None:
    played = Played()
    (anomaly,), _ = played.play(4, LATE)
    played.play(5)
    again, _ = played.play(1, LATE)
    assert again == [anomaly]
    assert anomaly.end is None
    played.play(ECHO + 5)
    (other,), _ = played.play(4, LATE)
    assert other.id == "a2"


def test_suspects_alone_open_nothing_and_keys_are_told_apart() -> None:
    assert Played().play(10, symptom("loop_lag", sure=False)) == ([], [])
    opened, _ = Played().play(5, symptom("key_calls", key="k1"), symptom("key_calls", key="k2"))
    assert len(opened) == 2
