from penstock.wire.counts import Usage


def test_what_two_calls_used_together() -> None:
    assert Usage(1, 2, 3, 4).plus(Usage(10, 20, 30, 40)) == Usage(11, 22, 33, 44)
    assert Usage(1, 2, 3, 4).joined(Usage(0, 9, 0, 1)) == Usage(1, 9, 3, 4)


def test_of_counts_that_only_grow_the_larger_holds() -> None:
    assert Usage(3, 1).joined(None) == Usage(3, 1)
    assert Usage(3, 1, 2).joined(Usage(2, 9, 0, 4)) == Usage(3, 9, 2, 4)
    assert Usage(3, 9).total_tokens == 12
