import hashlib
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from penstock.auth.keys import (
    LONGEST_VALUE,
    MOST_REMEMBERED,
    PREFIX,
    Key,
    KeyRing,
    bearer_token,
    digest,
    generate,
    generate_id,
    well_formed,
)

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def key(token: bytes, id: str = "key-a", **more: object) -> Key:
    return Key(id, id, digest(token).hex(), CREATED, **more)  # type: ignore[arg-type]


def test_a_key_is_the_prefix_and_43_characters() -> None:
    made = generate(lambda size: bytes(range(size)))
    assert made.startswith(PREFIX)
    assert len(made) == len(PREFIX) + 43
    assert well_formed(made.encode())


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_all_the_random_bits_are_in_the_key(one: bytes, other: bytes) -> None:
    assert (generate(lambda _: one) == generate(lambda _: other)) == (one == other)


def test_an_id_is_plain() -> None:
    assert generate_id(lambda size: b"\xff" * size) == "key-77777777"


def test_the_whole_key_is_hashed() -> None:
    assert digest(b"sk-pen-x") == hashlib.sha256(b"sk-pen-x").digest()


def test_a_key_is_found_by_all_of_it() -> None:
    ring = KeyRing([key(b"sk-pen-" + b"a" * 43)])
    assert ring.find(b"sk-pen-" + b"a" * 43) is not None
    assert ring.find(b"sk-pen-" + b"a" * 42 + b"b") is None
    assert ring.find(b"sk-pen-" + b"a" * 42) is None
    assert ring.find(b"") is None


def test_two_keys_with_a_common_beginning_are_two() -> None:
    one, two = key(b"sk-pen-" + b"a" * 42 + b"1", "key-1"), key(b"sk-pen-" + b"a" * 42 + b"2", "key-2")
    ring = KeyRing([one, two])
    assert ring.find(b"sk-pen-" + b"a" * 42 + b"1") is one
    assert ring.find(b"sk-pen-" + b"a" * 42 + b"2") is two


def test_a_hash_is_no_key() -> None:
    secret = key(b"sk-pen-secret")
    ring = KeyRing([secret])
    assert ring.find(secret.hash.encode()) is None
    assert ring.find(bytes.fromhex(secret.hash)) is None


def test_revoked_keys_are_not_found() -> None:
    assert KeyRing([key(b"x", revoked=CREATED)]).find(b"x") is None


def test_replacing_forgets() -> None:
    old = key(b"x")
    ring = KeyRing([old])
    ring.remember(ring.bearers, b"Bearer x", old)
    ring.remember(ring.values, b"x", old)
    ring.replace([key(b"y")])
    assert (ring.bearers, ring.values, ring.find(b"x"), len(ring)) == ({}, {}, None, 1)


def test_memory_is_bounded() -> None:
    ring = KeyRing([key(b"x")])
    for number in range(MOST_REMEMBERED + 5):
        ring.remember(ring.values, b"%d" % number, key(b"x"))
    assert len(ring.values) <= MOST_REMEMBERED


def test_bearer_tokens() -> None:
    assert bearer_token(b"Bearer x") == b"x"
    assert bearer_token(b"bEARER   x ") == b"x"
    assert bearer_token(b"Bearer") == b""
    assert bearer_token(b"Bearer ") == b""
    assert bearer_token(b"Basic x") is None
    assert bearer_token(b"Bearerx") is None
    assert bearer_token(b"") is None


def test_what_could_be_a_key() -> None:
    assert well_formed(b"x" * LONGEST_VALUE)
    for token in (b"x" * (LONGEST_VALUE + 1), b"a b", b"a\0b", b"a\x7f", "\u00e9".encode(), b"a\nb"):
        assert not well_formed(token)


def test_a_key_shows_neither_itself_nor_its_hash() -> None:
    secret = key(b"sk-pen-secret")
    assert secret.hash not in repr(secret)
    assert secret.hash not in repr(KeyRing([secret]))


def test_rights() -> None:
    assert key(b"x").may("call")
    assert not key(b"x").may("admin")
    assert key(b"x", rights=("admin",)).may("admin")
