from penstock.cache.uses import Uses


def test_they_add_up_until_they_are_taken() -> None:
    uses = Uses()
    uses.add(b"a", 1.0)
    uses.add(b"b", 2.0)
    uses.add(b"a", 3.0)
    assert uses.take(1) == [(b"a", 2, 3.0)]
    uses.add(b"a", 4.0)
    assert uses.take(9) == [(b"b", 1, 2.0), (b"a", 1, 4.0)]
    assert uses.take(9) == []


def test_what_is_gone_is_not_told() -> None:
    uses = Uses()
    uses.add(b"a", 1.0)
    uses.add(b"b", 1.0)
    uses.forget(b"a")
    uses.forget(b"never")
    assert uses.take(9) == [(b"b", 1, 1.0)]
    uses.add(b"c", 1.0)
    uses.clear()
    assert uses.take(9) == []
