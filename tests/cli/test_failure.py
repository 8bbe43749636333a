from penstock.cli.failure import WRONG_CONFIG, Failure


def test_a_failure_is_a_message_and_a_status() -> None:
    assert (str(Failure("no")), Failure("no").status) == ("no", 1)
    assert Failure("no", WRONG_CONFIG).status == 2
