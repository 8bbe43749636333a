import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import CallerError
from penstock.jobs.answers.listing import asked, page


@given(st.integers(0, 40), st.integers(1, 12), st.sampled_from(["asc", "desc"]))
def test_pages_bring_everything_once_in_order(count: int, limit: int, order: str) -> None:
    ids = [f"{n:03}" for n in range(count)]
    wanted = asked(f"limit={limit}&order={order}".encode(), 20, 100)
    seen: list[str] = []
    while True:
        some, more = page(ids, wanted)
        seen += some
        if not more:
            break
        wanted = wanted._replace(after=some[-1])
    assert seen == (ids if order == "asc" else ids[::-1])


def test_a_page_before() -> None:
    assert page(list("abcdef"), asked(b"limit=2&before_id=b", 20, 100)) == (["d", "c"], True)
    assert page(list("abc"), asked(b"after=zzz", 20, 100)) == ([], False)


@pytest.mark.parametrize("query", [b"limit=0", b"limit=101", b"limit=x", b"order=up", b"&".join([b"a=1"] * 40)])
def test_what_cannot_be_asked(query: bytes) -> None:
    with pytest.raises(CallerError):
        asked(query, 20, 100)
