from penstock.cache.entry import Answer
from penstock.cache.squeezed import squeeze
from tests.support.caching import entry, id_of, shelf
from tests.support.shared_store import FakeStore, Shared

NAMES = [f"n{number}" for number in range(20)]
SIZE = 1_000_000


def filled(one):  # type: ignore[no-untyped-def]
    for name in NAMES:
        assert one.keep(entry(name, size=SIZE), Answer(b"", b"x" * SIZE))
    return one


def test_less_is_held_at_once_and_what_only_memory_held_is_gone() -> None:
    one = filled(shelf())
    before = one.tier.held
    bound = int(one.config.memory * 0.05)
    freed = squeeze(one, 0.05)
    assert freed == before - one.tier.held
    assert one.tier.held <= bound
    assert len(one.directory.entries) == len(one.tier)
    for name in NAMES:
        found = one.find(id_of(name))
        assert found is None or one.held(found) is not None


def test_what_the_store_holds_too_is_found_there() -> None:
    one = filled(shelf(FakeStore(Shared())))
    squeeze(one, 0.05)
    assert len(one.directory.entries) == len(NAMES)
    assert len(one.tier) < len(NAMES)


def test_bodies_known_by_their_bytes_go_when_it_is_very_short() -> None:
    one = shelf()
    cleared: list[bool] = []
    one.recall.clear = lambda: cleared.append(True)  # type: ignore[method-assign]
    squeeze(one, 0.5)
    assert not cleared
    squeeze(one, 0.25)
    assert cleared
