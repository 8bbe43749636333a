from collections.abc import Awaitable, Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.auth.keys import Key, KeyRing, digest
from penstock.auth.stage import OPEN, Auth
from penstock.core.call import Call, Operation
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.priority import BATCH, HIGH, LOW, NORMAL, Name
from penstock.core.reply import Reply, Whole

GOOD = b"sk-pen-" + b"g" * 43
OTHER = b"sk-pen-" + b"o" * 43
ADMIN = b"sk-pen-" + b"a" * 43
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHAT = Operation("chat", "openai", "chat/completions")


def record(token: bytes, id: str, *rights: str) -> Key:
    return Key(id, id, digest(token).hex(), NOW, rights or ("call",))  # type: ignore[arg-type]


def ring() -> KeyRing:
    return KeyRing([record(GOOD, "key-good"), record(OTHER, "key-other"), record(ADMIN, "key-admin", "admin")])


class Beyond:
    """The rest of the pipeline: notes who came."""

    def __init__(self) -> None:
        self.came: list[str] = []

    def __call__(self, exchange: Exchange) -> Awaitable[Reply]:
        self.came.append(exchange.key)
        return self.answer()

    async def answer(self) -> Reply:
        return Reply(200, [], b"")


def send(auth: Auth, *headers: tuple[bytes, bytes]) -> Exchange:
    exchange = Exchange("x", Call(CHAT, "POST", "/v1/chat", b"", list(headers), "127.0.0.1"), 0.0, 1.0, Whole())  # type: ignore[arg-type]
    beyond = Beyond()
    passed = auth(exchange, beyond)
    assert beyond.came == [exchange.key]
    passed.close()  # type: ignore[attr-defined]
    return exchange


def refusal(auth: Auth, *headers: tuple[bytes, bytes]) -> CallerError:
    with pytest.raises(CallerError) as caught:
        send(auth, *headers)
    return caught.value


@pytest.mark.parametrize(
    "header",
    [
        (b"authorization", b"Bearer " + GOOD),
        (b"authorization", b"bearer  " + GOOD),
        (b"x-api-key", GOOD),
        (b"api-key", GOOD),
    ],
)
def test_a_known_key_passes_the_first_time_and_the_next(header: tuple[bytes, bytes]) -> None:
    auth = Auth(ring())
    for _ in range(2):
        exchange = send(auth, (b"host", b"h"), header)
        assert (exchange.key, exchange.scope) == ("key-good", "key-good")


def test_the_next_room_is_entered_without_awaiting() -> None:
    """``send`` never runs an event loop: the room hands back what the next one returned."""
    assert send(Auth(ring()), (b"x-api-key", GOOD)).key == "key-good"


def test_no_key() -> None:
    empty: Iterable[tuple[tuple[bytes, bytes], ...]] = (
        (),
        ((b"host", b"h"),),
        ((b"authorization", b""),),
        ((b"authorization", b"Bearer"),),
        ((b"authorization", b"Bearer "),),
        ((b"x-api-key", b" "),),
    )
    for headers in empty:
        error = refusal(Auth(ring()), *headers)
        assert (error.status, error.code) == (401, "missing_api_key")
        assert "penstock keys new" in error.message


@pytest.mark.parametrize(
    "token",
    [
        b"sk-1234",
        GOOD[:-1],
        GOOD + b"x",
        GOOD.upper(),
        b"' OR pg_sleep(8)--",
        b"x" * 513,
        b"x" * 1_000_000,
        b"a\x00b",
        GOOD + b"\x00",
        "\u00e9\u4e2d".encode(),
        b"\xff\xfe",
        digest(GOOD).hex().encode(),
        b"null",
        b"%s%n{}",
    ],
)
def test_a_wrong_key_is_refused_and_not_repeated(token: bytes) -> None:
    for header in ((b"authorization", b"Bearer " + token), (b"x-api-key", token), (b"api-key", token)):
        keys = ring()
        error = refusal(Auth(keys), header)
        assert (error.status, error.code, error.retryable) == (401, "invalid_api_key", False)
        assert token[:12].decode("latin-1") not in error.message
        assert not keys.bearers
        assert not keys.values


def test_another_scheme_is_refused() -> None:
    assert refusal(Auth(ring()), (b"authorization", b"Basic " + GOOD)).code == "invalid_api_key"
    assert refusal(Auth(ring()), (b"authorization", GOOD)).code == "invalid_api_key"


def test_what_is_remembered_for_one_field_does_not_count_in_another() -> None:
    auth = Auth(ring())
    send(auth, (b"x-api-key", GOOD))
    send(auth, (b"authorization", b"Bearer " + GOOD))
    assert refusal(auth, (b"authorization", GOOD)).code == "invalid_api_key"
    assert refusal(auth, (b"x-api-key", b"Bearer " + GOOD)).code == "invalid_api_key"


def test_one_key_in_two_fields_is_fine_and_two_keys_are_not() -> None:
    auth = Auth(ring())
    both = ((b"authorization", b"Bearer " + GOOD), (b"x-api-key", GOOD))
    assert send(auth, *both).key == "key-good"
    for headers in (
        ((b"authorization", b"Bearer " + GOOD), (b"x-api-key", OTHER)),
        ((b"x-api-key", OTHER), (b"api-key", GOOD)),
        ((b"x-api-key", GOOD), (b"x-api-key", OTHER)),
        ((b"authorization", b"Bearer " + GOOD), (b"authorization", b"Bearer nonsense")),
        ((b"x-api-key", b"nonsense"), (b"authorization", b"Bearer " + GOOD)),
    ):
        for _ in range(2):
            error = refusal(auth, *headers)
            assert (error.status, error.code) == (401, "invalid_api_key")


def test_a_revoked_key_stops_at_once_though_it_was_remembered() -> None:
    keys = ring()
    auth = Auth(keys)
    send(auth, (b"x-api-key", GOOD))
    keys.replace([record(OTHER, "key-other")])
    assert refusal(auth, (b"x-api-key", GOOD)).status == 401


def test_a_key_without_the_right_to_call_is_forbidden() -> None:
    error = refusal(Auth(ring()), (b"x-api-key", ADMIN))
    assert (error.status, error.code) == (403, "permission_denied")


def test_admit_asks_for_a_right() -> None:
    auth = Auth(ring())
    assert auth.admit([(b"x-api-key", ADMIN)], "admin") == "key-admin"
    assert auth.admit([(b"x-api-key", GOOD)], "call") == "key-good"
    for headers, status in (([(b"x-api-key", GOOD)], 403), ([], 401), ([(b"x-api-key", b"no")], 401)):
        with pytest.raises(CallerError) as caught:
            auth.admit(headers, "admin")
        assert caught.value.status == status


def test_open_lets_everybody_in() -> None:
    auth = Auth(None)
    for headers in ((), ((b"authorization", b"Bearer whatever"),), ((b"x-api-key", b"\xff" * 9999),)):
        exchange = send(auth, *headers)
        assert (exchange.key, exchange.scope) == (OPEN, OPEN)
    assert auth.admit([], "admin") == OPEN


@pytest.mark.interpreted
def test_needs_and_gives() -> None:
    assert (Auth.needs, Auth.gives) == ({"head"}, {"caller"})


@given(st.sampled_from([b"authorization", b"x-api-key", b"api-key"]), st.binary(max_size=600))
def test_no_value_passes_that_is_not_a_key(name: bytes, value: bytes) -> None:
    error = refusal(Auth(ring()), (name, value))
    assert error.status == 401


@pytest.mark.parametrize(
    ("right", "asked", "priority"),
    [
        ("normal", None, NORMAL),
        ("high", None, NORMAL),
        ("high", b"high", HIGH),
        ("normal", b"high", NORMAL),
        ("low", None, LOW),
        ("low", b"normal", LOW),
        ("high", b"batch", BATCH),
    ],
)
def test_the_class_is_what_is_asked_for_but_none_above_the_keys(
    right: Name, asked: bytes | None, priority: int
) -> None:
    key = Key("k", "k", digest(GOOD).hex(), NOW, priority=right, weight=3)
    fields = [] if asked is None else [(b"x-penstock-priority", asked)]
    sent = send(Auth(KeyRing([key])), (b"x-api-key", GOOD), *fields)
    assert (sent.priority, sent.weight) == (priority, 3)


def test_a_repeated_head_has_the_same_class() -> None:
    auth = Auth(KeyRing([Key("k", "k", digest(GOOD).hex(), NOW, priority="high")]))
    first = send(auth, (b"x-api-key", GOOD), (b"x-penstock-priority", b"high"))
    again = Exchange("y", first.call, 0.0, 1.0, Whole())  # type: ignore[arg-type]
    auth(again, Beyond()).close()  # type: ignore[attr-defined]
    assert again.priority == HIGH


def test_without_keys_any_class_may_be_asked_for() -> None:
    assert send(Auth(None), (b"x-penstock-priority", b"high")).priority == HIGH
    assert send(Auth(None)).priority == NORMAL


def test_an_unknown_class_is_refused() -> None:
    for auth in (Auth(None), Auth(ring())):
        fail = refusal(auth, (b"x-api-key", GOOD), (b"x-penstock-priority", b"urgent"))
        assert (fail.status, fail.code) == (400, "invalid_header")


def test_it_is_known_whose_call_was_refused_for_its_class() -> None:
    headers = [(b"x-api-key", GOOD), (b"x-penstock-priority", b"urgent")]
    exchange = Exchange("x", Call(CHAT, "POST", "/v1/chat", b"", headers, "127.0.0.1"), 0.0, 1.0, Whole())  # type: ignore[arg-type]
    with pytest.raises(CallerError, match="urgent"):
        Auth(ring())(exchange, Beyond())
    assert exchange.key == "key-good"


def test_a_session_stands_for_its_key_and_for_the_right_admin_only() -> None:
    keys = ring()
    held: list[tuple[str, bool] | None] = [("key-admin", True)]
    auth = Auth(keys, lambda _: held[0])
    assert auth.admit([], "admin") == "key-admin"
    for right in ("call", "admin"):
        held[0] = ("key-good", True) if right == "admin" else ("key-admin", True)
        with pytest.raises(CallerError) as caught:
            auth.admit([], right)  # type: ignore[arg-type]
        assert caught.value.status == 401
    held[0] = ("local", False)
    assert auth.admit([], "admin") == "local"
    held[0] = ("key-admin", True)
    keys.replace([])
    with pytest.raises(CallerError, match="revoked"):
        auth.admit([], "admin")


def test_calls_know_no_session() -> None:
    assert refusal(Auth(ring(), lambda _: ("key-admin", True))).code == "missing_api_key"
