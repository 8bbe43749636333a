from typing import Annotated

import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct, field

from penstock.core.printing import fingerprint, plain_struct
from penstock.core.settings import Reading, Section
from penstock.core.shapes import MASK, Secret, SecretUrl
from penstock.core.units import Bytes, Dollars, Seconds


class Part(Struct, frozen=True, kw_only=True):
    pause: Seconds = 30.0
    size: Bytes = 1024
    price: Dollars = 250_000
    key: Secret | None = None
    url: SecretUrl = "redis://me:pass@host/0"
    fields: dict[str, Secret] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    count: Annotated[int | None, Meta(ge=0)] = None


def test_what_is_written_has_units_and_no_secrets() -> None:
    part = Part(key="s3cret", fields={"authorization": "s3cret"}, names=["a"])
    assert plain_struct(part) == {
        "pause": "30s",
        "size": "1KiB",
        "price": "0.25",
        "key": MASK,
        "url": f"redis://{MASK}@host/0",
        "fields": {"authorization": MASK},
        "names": ["a"],
        "count": None,
    }


text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=12)


@given(
    st.builds(
        Part,
        pause=st.floats(0.001, 1e6),
        size=st.integers(0, 2**50),
        price=st.integers(0, 10**12),
        key=st.none() | text,
        fields=st.dictionaries(st.sampled_from(["a", "b"]), text),
        names=st.lists(text | st.just("${HOME}"), max_size=3),
        count=st.none() | st.integers(0, 10**9),
    )
)
def test_what_is_written_unmasked_reads_the_same(part: Part) -> None:
    reading = Reading("f.yaml", {})
    values = reading.sections(yaml.safe_dump({"part": plain_struct(part, masked=False)}), [Section("part", Part)])
    assert reading.problems == []
    assert values[Part] == part


def test_a_fingerprint_tells_equal_from_different() -> None:
    assert fingerprint(Part(fields={"a": "1", "b": "2"})) == fingerprint(Part(fields={"b": "2", "a": "1"}))
    assert fingerprint(Part(key="x")) != fingerprint(Part(key="y"))
