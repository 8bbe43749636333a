"""Sessions of people before a browser: made at log-in, named by a cookie, ended at log-out or when their time is over.
Pure.

The supervisor's ``Desk`` opens and ends them; each worker has a copy (``Sessions``) and asks nobody. A token is 256
random bits and only its SHA-256 is kept, as with keys. A session holds no right of its own: it stands for the key that
opened it, and that key is asked again at each request; or for this machine's own user, who took a link.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable

import msgspec

LASTS_SECONDS = 12 * 3600.0
LINK_SECONDS = 300.0
MOST_SESSIONS = 64
MOST_LINKS = 16
LOCAL_USER = "control-socket"
"""Stands for the user on whose control socket a link was asked for."""
Entropy = Callable[[int], bytes]


class Session(msgspec.Struct, frozen=True):
    """``hash``: SHA-256 of the token, hexadecimal; ``by``: the key's id, where ``keyed``; ``expires``: Unix seconds."""

    hash: str
    by: str
    keyed: bool
    expires: float


def digest(token: bytes) -> str:
    """What is kept instead of a token."""
    return hashlib.sha256(token).hexdigest()


class Sessions:
    """A worker's copy."""

    def __init__(self) -> None:
        self._by_hash: dict[str, Session] = {}

    def replace(self, rows: Iterable[Session]) -> None:
        """Know exactly these."""
        self._by_hash = {row.hash: row for row in rows}

    def find(self, token: bytes, now: float) -> Session | None:
        """The session that ``token`` names, if its time is not over."""
        wanted = digest(token)
        found = self._by_hash.get(wanted)
        if found is None or not hmac.compare_digest(found.hash, wanted) or found.expires <= now:
            return None
        return found

    def __len__(self) -> int:
        return len(self._by_hash)

    def __repr__(self) -> str:
        return f"<Sessions {len(self)}>"


class Desk:
    """Where sessions are opened and ended, and links made and taken. At a bound the oldest goes."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._sessions: dict[str, Session] = {}
        self._links: dict[str, float] = {}

    def open(self, by: str, keyed: bool, now: float) -> tuple[str, Session]:
        """A new session, and the token that names it: it is seen now and never again."""
        self._forget(now)
        while len(self._sessions) >= MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        token = self._token()
        session = Session(digest(token.encode()), by, keyed, now + LASTS_SECONDS)
        self._sessions[session.hash] = session
        return token, session

    def close(self, token: str) -> bool:
        """End the session of ``token``; False when there is none."""
        return self._sessions.pop(digest(token.encode()), None) is not None

    def close_all(self) -> int:
        """End all, and the links too. How many there were."""
        number = len(self._sessions)
        self._sessions.clear()
        self._links.clear()
        return number

    def link(self, now: float) -> str:
        """A token that opens one session, once, within LINK_SECONDS."""
        self._forget(now)
        while len(self._links) >= MOST_LINKS:
            del self._links[next(iter(self._links))]
        token = self._token()
        self._links[digest(token.encode())] = now + LINK_SECONDS
        return token

    def redeem(self, token: str, now: float) -> bool:
        """Use a link up. Whether it was good."""
        self._forget(now)
        return self._links.pop(digest(token.encode()), None) is not None

    def rows(self, now: float) -> list[Session]:
        """All that count."""
        self._forget(now)
        return list(self._sessions.values())

    def _token(self) -> str:
        return base64.urlsafe_b64encode(self._entropy(32)).rstrip(b"=").decode()

    def _forget(self, now: float) -> None:
        self._sessions = {name: one for name, one in self._sessions.items() if one.expires > now}
        self._links = {name: until for name, until in self._links.items() if until > now}

    def __repr__(self) -> str:
        return f"<Desk {len(self._sessions)} sessions, {len(self._links)} links>"
