"""Keys: how one is made, kept and recognised. Pure.

Enters: records (a key's full hash and what it may do) and, with each call, the raw value of a header field. Leaves: the
record of the key in it, or None. A key itself is never kept: only its SHA-256 is, and it is random enough (256 bits)
that nothing slower is needed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from penstock.core.priority import Name

PREFIX = "sk-pen-"
LONGEST_VALUE = 512
"""Bytes of a header field's value that are looked at; a longer one holds no key of ours."""
MOST_REMEMBERED = 10_000
"""Header values remembered as good."""

MOST_WEIGHT = 1000

Right = Literal["call", "admin"]
Entropy = Callable[[int], bytes]


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of one key. ``hash`` is the SHA-256 of the whole key, in hexadecimal; ``priority`` the highest
    class of calls that it may ask for; ``weight`` its share beside other keys of a class, where calls must wait."""

    id: str
    name: str
    hash: str
    created: datetime
    rights: tuple[Right, ...] = ("call",)
    revoked: datetime | None = None
    priority: Name = "normal"
    weight: Annotated[int, msgspec.Meta(ge=1, le=MOST_WEIGHT)] = 1

    @property
    def active(self) -> bool:
        return self.revoked is None

    def may(self, right: Right) -> bool:
        return right in self.rights

    def __repr__(self) -> str:
        return f"<Key {self.id} {self.name!r} {'+'.join(self.rights)}{'' if self.active else ' revoked'}>"


def generate(entropy: Entropy) -> str:
    """A new key: the prefix and 43 characters that carry 256 random bits."""
    return PREFIX + base64.urlsafe_b64encode(entropy(32)).rstrip(b"=").decode()


def generate_id(entropy: Entropy) -> str:
    """A name for a key that is safe to log, count and show."""
    return "key-" + base64.b32encode(entropy(5)).decode().lower()


def digest(key: bytes) -> bytes:
    """What is compared instead of the key."""
    return hashlib.sha256(key).digest()


def bearer_token(value: bytes) -> bytes | None:
    """The token in ``Bearer <token>``; empty when nothing follows, None for another scheme."""
    scheme, _, token = value.strip().partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else None


def well_formed(token: bytes) -> bool:
    """Whether ``token`` could be a key at all: short, and visible ASCII without spaces."""
    return len(token) <= LONGEST_VALUE and all(0x21 <= byte <= 0x7E for byte in token)


class KeyRing:
    """The active keys, found by full hash. Lives as long as the worker; ``replace`` brings in a changed key file.

    ``bearers`` and ``values`` remember the raw values of good header fields (``Authorization``; the plain ones), so
    that a known caller costs one dict lookup and no hash. They are safe: a hit needs the whole value to be equal, and
    how long a miss takes tells nothing, because Python compares the bytes only after its secretly seeded 64-bit hashes
    are equal. Only good values enter, so that guesses cannot crowd them out. ``epoch`` changes with every ``replace``.
    """

    __slots__ = ("_by_digest", "_by_id", "bearers", "epoch", "values")

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._by_digest: dict[bytes, tuple[bytes, Key]] = {}
        self._by_id: dict[str, Key] = {}
        self.bearers: dict[bytes, Key] = {}
        self.values: dict[bytes, Key] = {}
        self.epoch = 0
        self.replace(keys)

    def replace(self, keys: Iterable[Key]) -> None:
        """Know exactly these keys, the revoked ones left out, and forget what was remembered."""
        self.epoch += 1
        hashes = [(bytes.fromhex(key.hash), key) for key in keys if key.active]
        self._by_digest = {digest: (digest, key) for digest, key in hashes}
        self._by_id = {key.id: key for _, key in hashes}
        self.bearers.clear()
        self.values.clear()

    def find(self, token: bytes) -> Key | None:
        """The active key that ``token`` is."""
        wanted = digest(token)
        found = self._by_digest.get(wanted)
        if found is None or not hmac.compare_digest(found[0], wanted):
            return None
        return found[1]

    def has(self, id: str) -> bool:
        """Whether the key of this id is active."""
        return id in self._by_id

    def may(self, id: str, right: Right) -> bool:
        """Whether the key of this id is active and may do ``right``."""
        key = self._by_id.get(id)
        return key is not None and key.may(right)

    def remember(self, memory: dict[bytes, Key], value: bytes, key: Key) -> None:
        """Note in ``bearers`` or ``values`` that ``value`` carries ``key``."""
        if len(memory) >= MOST_REMEMBERED:
            memory.clear()
        memory[value] = key

    def __len__(self) -> int:
        return len(self._by_digest)

    def __repr__(self) -> str:
        return f"<KeyRing {len(self)} keys, {len(self.bearers) + len(self.values)} values remembered>"
