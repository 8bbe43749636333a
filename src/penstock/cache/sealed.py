"""Bytes as they lie in the store: with a keyed checksum, and encrypted where a key is configured.

Enters: bytes, the name that they are kept under. Leaves: sealed bytes, or what was sealed. What was damaged, changed,
moved under another name or made by somebody without the secret opens as None. May fail: ConfigError where encryption is
wanted and its library is not installed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from typing import Any

from penstock.core.settings import ConfigError

MAC_BYTES = 16
_NONCE_BYTES = 12
_PLAIN, _ENCRYPTED = b"\x01", b"\x02"


class Seal:
    """See the module. ``secret`` is the deployment's; ``passphrase`` what answers are encrypted with."""

    def __init__(
        self, secret: bytes, passphrase: str | None = None, entropy: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._key = hashlib.sha256(b"penstock cache seal\0" + secret).digest()
        self._entropy = entropy
        self._cipher: Any = None if passphrase is None else _cipher(passphrase)

    def close(self, name: bytes, data: bytes) -> bytes:
        """``data``, sealed under ``name``."""
        if self._cipher is not None:
            nonce = self._entropy(_NONCE_BYTES)
            return _ENCRYPTED + nonce + bytes(self._cipher.encrypt(nonce, data, name))
        return _PLAIN + self._mac(name, data) + data

    def open(self, name: bytes, sealed: bytes) -> bytes | None:
        """What was sealed under ``name``; None when it is not as it was."""
        if self._cipher is not None:
            if sealed[:1] != _ENCRYPTED:
                return None
            try:
                return bytes(self._cipher.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], name))
            except Exception:  # the library has its own kinds
                return None
        data = sealed[1 + MAC_BYTES :]
        good = sealed[:1] == _PLAIN and hmac.compare_digest(sealed[1 : 1 + MAC_BYTES], self._mac(name, data))
        return data if good else None

    def sign(self, name: bytes, data: bytes) -> bytes:
        """``data`` in clear, with its checksum: for what has to be looked through."""
        return self._mac(name, data) + data

    def signed(self, name: bytes, data: bytes) -> bytes | None:
        """What was signed under ``name``; None when it is not as it was."""
        rest = data[MAC_BYTES:]
        return rest if hmac.compare_digest(data[:MAC_BYTES], self._mac(name, rest)) else None

    def _mac(self, name: bytes, data: bytes) -> bytes:
        # One name is of one length; cut short, so that nobody can lead it on.
        return hashlib.sha256(b"%b%b%b" % (self._key, name, data)).digest()[:MAC_BYTES]

    def __repr__(self) -> str:
        return f"<Seal {'encrypting' if self._cipher is not None else 'plain'}>"


def _cipher(passphrase: str) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise ConfigError(
            ["cache.encryption_key needs the extra 'encryption': pip install 'penstock[encryption]'"]
        ) from None
    return AESGCM(hashlib.sha256(b"penstock cache encryption\0" + passphrase.encode()).digest())
