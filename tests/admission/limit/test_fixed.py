from penstock.admission.limit.fixed import Fixed


def test_stays_as_it_was_set_and_is_at_least_one() -> None:
    limit = Fixed(7)
    limit.begin(9, 0.0)
    limit.first(1.0, 50.0)
    limit.done(1.0, 50.0, 50.0, "overload")
    assert (limit.limit, Fixed(0).limit) == (7, 1)
