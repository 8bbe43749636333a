from hypothesis import given
from hypothesis import strategies as st

from penstock.core.finished import Finished, Record
from penstock.core.sheaves import HITS, sheaves
from penstock.core.windows import DIMENSIONS, Part
from penstock.history.divided import Sums, divided
from tests.support.windows import finished

NAMES = st.sampled_from(["", "a", "b"])
CALLS = st.lists(
    st.builds(
        finished, key=NAMES, tags=NAMES, error=NAMES, cache=st.sampled_from(["", "miss", *HITS]),
        fault=st.sampled_from(["", "upstream", "gateway", "caller"]), model=NAMES, cost=st.integers(0, 10**12),
        tokens_in=st.integers(0, 100_000), tokens_out=st.integers(0, 1000), saved=st.integers(0, 1000),
        total=st.integers(0, 1000).map(float), first_byte=st.sampled_from([0, 0.0, 0.5]),
    ),
    max_size=40,
)  # fmt: skip


def one_by_one(calls: list[Record], dimension: str) -> dict[str, Part]:
    """The same, by looking at each call."""
    parts: dict[str, Part] = {}
    for call in map(Finished._make, calls):
        bands = (str(bound) for bound in (256, 1024, 4096, 16384, 65536) if call.tokens_in <= bound)
        values = {"key": call.key, "tag": call.tags, "error": call.error, "cache": call.cache}
        value = values.get(dimension, next(bands, "more"))
        if value:
            parts.setdefault(value, Part()).add(Part(
                1, call.fault in ("gateway", "upstream"), call.total, call.first_byte, call.tokens_in, call.tokens_out,
                call.cache in HITS, call.cost, call.saved,
            ))  # fmt: skip
    return parts


@given(CALLS)
def test_it_is_what_one_by_one_adds_up_to(calls: list[Record]) -> None:
    found = divided(sheaves(calls))
    for dimension in DIMENSIONS:
        assert found.get(dimension, {}) == one_by_one(calls, dimension)


def test_bands_of_prompts() -> None:
    calls = [finished(tokens_in=tokens) for tokens in (0, 256, 257, 4096, 65_536, 65_537)]
    found = {band: part.calls for band, part in divided(sheaves(calls))["prompt"].items()}
    assert found == {"256": 2, "1024": 1, "4096": 1, "65536": 1, "more": 1}


def test_what_has_no_value_is_in_no_part() -> None:
    assert set(divided(sheaves([finished(key="", tags="", error="", cache="")]))) == {"prompt"}
    assert divided([]) == {}
    assert "0 calls" in repr(Sums())
