import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Call
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.routing.strategies import make_strategy
from penstock.routing.table import LONGEST_SESSION, Entry, Table, session_of
from tests.support.targets import CHAT, exchange, targets


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


# ---- a call as strategies see it

PROMPT = b'{"model":"m","messages":"' + b"x" * 4000 + b'"}'


def arrived(header: str = "", field: str = "", scope: str = "key-1") -> Exchange:
    """A call that names its session in a header, or in its body."""
    one = exchange("m")
    headers = [(b"x-penstock-session", header.encode("latin-1"))] if header else []
    one.call = Call(CHAT, "POST", "/v1/chat/completions", b"", headers, "10.0.0.1")
    one.call.body, one.call.session, one.scope = PROMPT, field, scope
    return one


def choosing(strategy: str, count: int = 2) -> Entry:
    return Entry("m", targets(*[1] * count), make_strategy(strategy), "real")


def test_what_a_call_will_cost_is_guessed_from_its_bytes_and_its_limit() -> None:
    one, entry = arrived(), choosing("adaptive")
    ask = entry.ask(one, "m", 5.0)
    assert (ask.model, ask.now, ask.sizes) == ("real", 5.0, entry.sizes)
    assert (ask.tokens, ask.output) == (len(PROMPT) / 4, 128)
    one.call.max_tokens = 16
    assert entry.ask(one, "m", 5.0).output == 16


@pytest.mark.parametrize(
    ("header", "field", "session"),
    [("h", "f", "key-1\0h"), ("", "f", "key-1\0f"), ("h", "", "key-1\0h"), ("", "", "")],
)
def test_the_header_names_the_session_before_the_body_does(header: str, field: str, session: str) -> None:
    assert choosing("adaptive").ask(arrived(header, field), "m", 0.0).session == session


def test_sessions_of_two_scopes_are_two_whatever_they_are_called() -> None:
    entry = choosing("adaptive")
    names = [entry.ask(arrived("s", scope=scope), "m", 0.0).session for scope in ("a", "b")]
    assert len(set(names)) == 2
    assert entry.ask(arrived("s"), "m", 0.0).session == entry.ask(arrived("", "s"), "m", 0.0).session


def test_a_head_that_is_repeated_is_looked_at_once_and_bodies_each_time() -> None:
    first, second = arrived("", "one"), arrived("", "two")
    second.call.memo = first.call.memo
    assert [session_of(one.call) for one in (first, second)] == ["one", "two"]


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_session_is_bounded_in_size_and_still_its_own(one: str, other: str) -> None:
    names = [session_of(arrived("", text).call) for text in (one, other)]
    assert all(len(name) <= LONGEST_SESSION for name in names)
    assert (names[0] == names[1]) == (one == other)


@pytest.mark.parametrize(
    ("strategy", "with_session", "without"),
    [("adaptive", True, True), ("prefix", True, True), ("instance_score", False, True),
     ("least_connections", False, False), ("consistent_hash", False, False), ("response_time", False, False)],
)  # fmt: skip
def test_a_prompt_is_cut_only_for_strategies_that_look_at_it(strategy: str, with_session: bool, without: bool) -> None:
    entry = choosing(strategy)
    assert bool(entry.ask(arrived("s"), "m", 0.0).blocks) == with_session
    assert bool(entry.ask(arrived(), "m", 0.0).blocks) == without


def test_where_there_is_nothing_to_choose_neither_prompt_nor_session_is_looked_at() -> None:
    ask = choosing("adaptive", 1).ask(arrived("s"), "m", 0.0)
    assert (ask.session, list(ask.blocks), ask.tokens) == ("", [], len(PROMPT) / 4)


def test_blocks_are_salted_with_the_scope_and_the_model_upstream() -> None:
    entry = choosing("adaptive")
    other = Entry("m", targets(1, 1), make_strategy("adaptive"), "other")
    made = [
        entry.ask(arrived(), "m", 0.0),
        entry.ask(arrived(scope="key-2"), "m", 0.0),
        other.ask(arrived(), "m", 0.0),
    ]
    assert len({ask.blocks[0] for ask in made}) == 3
    assert entry.ask(arrived(), "m", 1.0).blocks == made[0].blocks
