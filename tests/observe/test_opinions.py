from penstock.observe import opinions as opinions_file
from penstock.observe.opinions import CHANGES_PER_MINUTE, SEARCHES_PER_MINUTE, Opinion, Opinions, encoded


def test_a_call_is_judged_once_and_the_newest_word_counts() -> None:
    kept = Opinions()
    assert kept.add(Opinion(1, "r", "k", "m", "u", 0.0))
    assert not kept.add(Opinion(2, "r", "k", "m", "u", 1.0, "better"))
    assert kept.add(Opinion(3, "r", "other", "m", "u", 0.5)), "another key's call of the same id"
    found = kept.of("k", "r")
    assert found is not None
    assert (found.score, found.label) == (1.0, "better")
    assert kept.of("nobody", "r") is None
    assert [opinion.at_ms for opinion in kept.newest(9)] == [3, 2]


def test_rows_of_the_log_come_back_and_what_is_no_row_is_passed_over() -> None:
    kept = Opinions()
    opinion = Opinion(1500, "r", "k", "m", "u", 0.25, "slow", "it took long")
    for stored in (encoded(opinion), b"{broken", b'["x"]', b"[" * 100_000):
        kept.load(stored)
    assert kept.newest(9) == [opinion]
    assert opinion.told()["at"] == 1.5
    kept.clear()
    assert kept.newest(9) == []


def test_so_many_and_no_more(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(opinions_file, "MOST_OPINIONS", 3)
    kept = Opinions()
    for number in range(5):
        kept.add(Opinion(number, f"r{number}", "k"))
    assert [opinion.id for opinion in kept.newest(9)] == ["r4", "r3", "r2"]


def test_a_key_may_search_so_often_a_minute_and_others_are_not_held_up(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(opinions_file, "MOST_KEYS", 2)
    kept = Opinions()
    assert [kept.may_search("k", 0.0) for _ in range(SEARCHES_PER_MINUTE + 1)] == [True] * SEARCHES_PER_MINUTE + [False]
    assert kept.may_search("other", 0.0)
    assert kept.may_search("k", 60 / SEARCHES_PER_MINUTE + 0.01)
    assert not kept.may_search("k", 60 / SEARCHES_PER_MINUTE + 0.02)


def test_a_key_may_change_its_mind_so_often_a_minute() -> None:
    kept = Opinions()
    assert [kept.may_change("k", 0.0) for _ in range(CHANGES_PER_MINUTE + 1)] == [True] * CHANGES_PER_MINUTE + [False]
    assert kept.may_search("k", 0.0), "that is counted by itself"
    assert kept.may_change("k", 60.0)
