from tests.demo.conftest import Played


def test_it_shows_what_it_claims(played: Played) -> None:
    facts = played("spike")
    assert len(facts) == 3
    assert [fact.says for fact in facts if not fact.held] == []
