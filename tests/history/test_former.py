import msgspec
import pytest
from hypothesis import given

from penstock.core.windows import Window
from penstock.history.former import blocks_of, columns_of
from penstock.history.packing import COLUMNS, HEAD, REST, Packed, packed
from tests.support.formerly import KEPT, formerly
from tests.support.happenings import CALLS, Call, windows_of
from tests.support.windows import full_window

START = 1_800_000_000.0


def test_a_window_of_that_time() -> None:
    """The bytes are what version 1 wrote."""
    one = full_window(START)
    then, now = Packed(columns_of(KEPT, COLUMNS)), Packed(packed(one))
    assert ordered(then.window()) == ordered(now.window())
    assert sorted(then.shared.names, key=str) == sorted(now.shared.names, key=str)
    for name in ("calls", "total", "faults_upstream"):
        sums = [dict(zip(of.shared.names, of.shared.numbers(name), strict=True)) for of in (then, now)]
        assert sums[0] == sums[1]
    assert list(columns_of(KEPT, (HEAD, REST))) == [HEAD, REST], "only what is wanted"


@given(CALLS)
def test_nothing_is_lost(calls: list[Call]) -> None:
    for _, window in windows_of(calls, (0, 0)):
        then = Packed(columns_of(formerly(window), COLUMNS)).window()
        assert ordered(then) == ordered(Packed(packed(window)).window())
        assert list(then.parts.get("key", {})) == sorted(window.parts.get("key", {})), "so that equal names are seen"


def ordered(window: Window) -> Window:
    """With the groups in an order of their own."""
    groups = sorted(window.groups, key=lambda group: (group.operation, group.model, group.upstream))
    return msgspec.structs.replace(window, groups=groups)


def test_what_is_no_such_window_is_refused() -> None:
    with pytest.raises(ValueError, match="another version"):
        columns_of(msgspec.msgpack.encode([7, *msgspec.msgpack.decode(KEPT)[1:]]), (HEAD,))
    with pytest.raises(ValueError, match=r"."):
        columns_of(b"nothing", (HEAD,))


def test_a_block_of_which_one_cannot_be_read() -> None:
    blocks = blocks_of({1: KEPT, 2: b"nothing"}, (HEAD, "key"))
    assert list(blocks["key"]) == [1]
    assert Packed({name: block[1] for name, block in blocks.items()}).start == START
    with pytest.raises(ValueError, match=r"."):
        Packed({HEAD: blocks[HEAD][2]})
