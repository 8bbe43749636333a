import pytest

from penstock.core.errors import CallerError
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry, Table
from tests.support.targets import targets


def entry(pattern: str, upstream_model: str | None = None) -> Entry:
    return Entry(pattern, targets(1), make_strategy("round_robin"), upstream_model)


TABLE = Table([entry("*"), entry("fb-*"), entry("fb-large-*"), entry("fb-large-1"), entry("gpt")])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("gpt", "gpt"),
        ("gpt-2", "*"),
        ("fb-small", "fb-*"),
        ("fb-large-2", "fb-large-*"),
        ("fb-large-1", "fb-large-1"),
        ("fb-large-", "fb-*"),
        ("fb-", "*"),
    ],
)
def test_the_exact_name_then_the_longest_beginning_then_the_star(asked: str, found: str) -> None:
    assert TABLE.find(asked).pattern == found


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_in_the_file_does_not_matter(order: int) -> None:
    table = Table([entry("a-*"), entry("a-b-*"), entry("*")][::order])
    assert table.find("a-b-c").pattern == "a-b-*"


def test_an_unknown_model_is_404_with_the_nearest_names() -> None:
    table = Table([entry("llama-3.1-8b"), entry("llama-3.1-70b"), entry("whisper")])
    with pytest.raises(CallerError) as caught:
        table.find("lama-3.1-8b")
    fail = caught.value
    assert (fail.status, fail.code, fail.param) == (404, "model_not_found", "model")
    assert "llama-3.1-8b" in fail.message
    assert "whisper" not in fail.message


def test_a_name_like_none_is_told_what_there_is() -> None:
    with pytest.raises(CallerError, match="whisper"):
        Table([entry("whisper")]).find("zzzzzz")
    with pytest.raises(CallerError, match="none"):
        Table([]).find("zzzzzz")


def test_a_name_of_great_length_is_neither_shown_whole_nor_compared_for_long() -> None:
    with pytest.raises(CallerError) as caught:
        Table([entry("whisper")] * 1000).find("x" * 1_000_000)
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize(
    ("pattern", "upstream_model", "asked", "sent"),
    [
        ("gpt", None, "gpt", "gpt"),
        ("gpt", "gpt-4o", "gpt", "gpt-4o"),
        ("openai/*", "*", "openai/gpt-4o", "gpt-4o"),
        ("openai/*", None, "openai/gpt-4o", "openai/gpt-4o"),
        ("openai/*", "fixed", "openai/gpt-4o", "fixed"),
        ("*", "*", "anything/at/all", "anything/at/all"),
    ],
)
def test_the_name_that_goes_upstream(pattern: str, upstream_model: str | None, asked: str, sent: str) -> None:
    assert entry(pattern, upstream_model).sent_as(asked) == sent
