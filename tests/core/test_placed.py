from typing import Annotated

import pytest
from msgspec import Meta, Struct

from penstock.core.placed import find, replaced
from penstock.core.shapes import FilePath, Secret
from penstock.core.units import Seconds


class Inner(Struct, frozen=True):
    wait: Annotated[Seconds, Meta(gt=0)] = 1.0
    key: Secret = "s"
    file: FilePath = "/f"

    def check(self):  # type: ignore[no-untyped-def]
        if self.wait == 13:
            yield ("wait",), "13 brings bad luck"


class Outer(Struct, frozen=True):
    inner: Inner = Inner()
    named: dict[str, Inner] = {}
    items: list[int] = []


OUTER = Outer(named={"a": Inner(), "a.b": Inner(wait=2.0)})


def test_values_are_found_by_dotted_keys_and_names_may_hold_dots() -> None:
    assert find(OUTER, "inner.wait").value == 1.0
    assert find(OUTER, "named.a.b.wait").value == 2.0
    assert find(OUTER, "named.a.wait").value == 1.0
    assert find(OUTER, "named").value == OUTER.named
    for missing in ("x", "inner.x", "named.c.wait", "inner.wait.x", ""):
        with pytest.raises(LookupError):
            find(OUTER, missing)


def test_one_value_is_replaced_and_the_rest_stays() -> None:
    made = replaced(OUTER, "named.a.b.wait", "250ms", "/")
    assert find(made, "named.a.b.wait").value == 0.25
    assert find(made, "named.a.wait").value == 1.0
    assert OUTER.named["a.b"].wait == 2.0


@pytest.mark.parametrize("text", ["0s", "1", "x", "13s"])
def test_a_value_is_checked_as_the_files_would_be(text: str) -> None:
    with pytest.raises(ValueError):
        replaced(OUTER, "inner.wait", text, "/")


@pytest.mark.parametrize("key", ["inner.key", "inner.file", "inner", "named", "named.a", "items", "x", "inner.x.y"])
def test_secrets_files_and_whole_blocks_are_not_to_be_replaced(key: str) -> None:
    with pytest.raises(LookupError):
        replaced(OUTER, key, "x", "/")
