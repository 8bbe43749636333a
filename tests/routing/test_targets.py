from tests.support.targets import ask, exchange, targets


def test_a_seat_is_held_until_the_exchange_ends() -> None:
    (one,) = targets(1)
    call = exchange()
    one.take_seat(call, ask())
    assert (one.in_flight, one.served) == (1, 1)
    call.finish("left", 1.0)
    assert (one.in_flight, one.served) == (0, 1)


def test_moving_to_another_gives_the_first_seat_back() -> None:
    first, second = targets(1, 1)
    call = exchange()
    first.take_seat(call, ask())
    second.take_seat(call, ask())
    assert (first.in_flight, second.in_flight) == (0, 1)
    first.take_seat(call, ask())
    assert (first.in_flight, second.in_flight) == (1, 0)
    call.finish("ok", 1.0)
    call.finish("ok", 2.0)
    assert (first.in_flight, second.in_flight) == (0, 0)
    assert (first.served, second.served) == (2, 1)
