"""The composition root's part for keys and sessions: the key file, which the supervisor and ``penstock keys`` share,
and who of this worker's callers is let in by it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock.auth.config import AuthConfig
from penstock.auth.keys import KeyRing
from penstock.auth.service import KeyWatch
from penstock.auth.stage import Auth
from penstock.auth.store import KeyFileError, KeyStore, default_path
from penstock.config import Config
from penstock.core.call import Headers
from penstock.core.errors import CallerError
from penstock.edge.cookie import session_token
from penstock.edge.login import Failures
from penstock.edge.sessions import Session, Sessions

if TYPE_CHECKING:
    from penstock.assemble import Gateway

__all__ = ["KeyFileError", "KeyStore", "Keys", "key_store"]


def key_store(config: Config, environ: Mapping[str, str]) -> KeyStore:
    """The store of the configured key file, not opened yet."""
    return KeyStore(config.of(AuthConfig).key_file or default_path(environ))


class Keys:
    """Of one worker. They survive reloads: ``auth.mode`` cannot change while running."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._store: KeyStore | None = None
        self.sessions = Sessions()
        self.failures = Failures()

    @property
    def ring(self) -> KeyRing | None:
        """The active keys; None where none is asked for."""
        return None if self._store is None else self._store.ring

    def open(self, config: Config) -> None:
        """Read the key file, and follow it from now on. Raises KeyFileError."""
        if config.of(AuthConfig).mode == "keys":
            store = key_store(config, os.environ)
            store.open(create=False)
            self._store = store
            self._gateway.crew.supervise(KeyWatch(store))

    def auth(self) -> Auth:
        """The room."""
        return Auth(self.ring, self._session)

    def rows(self) -> list[dict[str, Any]]:
        """Every key as it may be told: never the key, nor its hash."""
        return [
            {
                "id": key.id, "name": key.name, "created": key.created, "rights": key.rights, "revoked": key.revoked,
                "priority": key.priority, "weight": key.weight,
            }
            for key in (self._store.keys if self._store is not None else [])
        ]  # fmt: skip

    def _session(self, headers: Headers) -> tuple[str, bool] | None:
        """Who holds the session that the request names, and whether that is a key. Raises CallerError."""
        token = session_token(headers)
        if token is None:
            return None
        session: Session | None = self.sessions.find(token, self._gateway.clock.wall())
        if session is None:
            raise CallerError("this session is over; log in again", status=401, code="session_is_over")
        return session.by, session.keyed
