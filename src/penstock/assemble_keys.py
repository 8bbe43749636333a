"""The composition root's part for the key file, which the supervisor and ``penstock keys`` share."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.auth.config import AuthConfig
from penstock.auth.store import KeyFileError, KeyStore, default_path
from penstock.config import Config

__all__ = ["KeyFileError", "KeyStore", "key_store"]


def key_store(config: Config, environ: Mapping[str, str]) -> KeyStore:
    """The store of the configured key file, not opened yet."""
    return KeyStore(config.of(AuthConfig).key_file or default_path(environ))
