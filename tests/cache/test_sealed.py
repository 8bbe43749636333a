"""What lies in the store opens as it was, under its name and secret alone; else not at all."""

import builtins
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cache.sealed import Seal
from penstock.core.settings import ConfigError


@settings(deadline=None)
@given(st.binary(), st.data())
def test_any_change_is_seen(data: bytes, draw: st.DataObject) -> None:
    for seal in (Seal(b"s"), Seal(b"s", "passphrase")):
        closed = seal.close(b"name", data)
        assert seal.open(b"name", closed) == data
        assert seal.open(b"other", closed) is None
        at = draw.draw(st.integers(0, len(closed) - 1))
        changed = closed[:at] + bytes([closed[at] ^ draw.draw(st.integers(1, 255))]) + closed[at + 1 :]
        assert seal.open(b"name", changed) is None
        assert seal.open(b"name", closed[:at]) is None
        assert seal.open(b"name", closed + b"x") is None


def test_encrypted_bytes_tell_nothing_and_need_the_key() -> None:
    seal = Seal(b"s", "passphrase")
    closed = seal.close(b"name", b"a secret answer")
    assert b"secret" not in closed
    assert closed != seal.close(b"name", b"a secret answer")  # another nonce each time
    assert Seal(b"s", "other").open(b"name", closed) is None
    assert Seal(b"s").open(b"name", closed) is None
    assert seal.open(b"name", Seal(b"s").close(b"name", b"plain")) is None  # nobody slips in what is in clear
    assert "passphrase" not in repr(seal)


def test_another_deployment_cannot_write_here() -> None:
    assert Seal(b"s").open(b"name", Seal(b"t").close(b"name", b"x")) is None
    assert Seal(b"s").signed(b"name", Seal(b"t").sign(b"name", b"x")) is None


@settings(deadline=None)
@given(st.binary(), st.data())
def test_signed_bytes(data: bytes, draw: st.DataObject) -> None:
    seal = Seal(b"s")
    signed = seal.sign(b"row", data)
    assert seal.signed(b"row", signed) == data
    at = draw.draw(st.integers(0, len(signed) - 1))
    assert seal.signed(b"row", signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]) is None


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match="penstock\\[encryption\\]"):
        Seal(b"s", "passphrase")
    Seal(b"s")
