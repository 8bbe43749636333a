from penstock.journal.values import MOST_NAME_CHARACTERS, encoded, row_of, values_of
from tests.journal.writing import written
from tests.support.exchanges import finished


def test_names_are_kept_where_they_differ() -> None:
    row = written(asked="fb-7", model="fb-*", answered_as="other", scope="team")
    assert (row.model, row.asked, row.answered, row.scope) == ("fb-*", "fb-7", "other", "team")


def test_what_a_caller_chose_is_bounded() -> None:
    assert len(written(asked="x" * 5000).asked) == MOST_NAME_CHARACTERS


def test_no_secret_is_in_it() -> None:
    stored = row_of(finished(), 1, "", "", "", 0.0, None)
    assert b"secret" not in stored


def test_a_row_that_cannot_be_written_takes_no_other_along() -> None:
    good = values_of(finished(), 1, "", "", "", 0.0, None)
    bad = values_of(finished(), 1, "", "", "\ud800", 0.0, None)
    assert encoded([good, good]) == [row_of(finished(), 1, "", "", "", 0.0, None)] * 2
    assert encoded([good, bad, good]) == encoded([good, good])
