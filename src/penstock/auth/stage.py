"""Room 3: who calls? Looks at the head only, so that a stranger's body is never read.

Enters: an exchange with its head. Leaves: the same with ``key``, ``scope`` and ``priority`` set, straight into the next
room. May fail: CallerError 401 (no key, or none of ours), 403 (a key that may not do this), 400 (an unknown class). A
key is never repeated in a message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from penstock.auth.keys import LONGEST_VALUE, Key, KeyRing, Right, bearer_token, well_formed
from penstock.core.call import Call, Headers
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.priority import NAMES, NORMAL, parse
from penstock.core.reply import Reply

OPEN: Final = "open"
"""Stands for the caller's key where none is asked for."""
Session = Callable[[Headers], tuple[str, bool] | None]
"""Who holds the session that a request names, and whether that is a key's id; None where it names none, or sends a key.
Raises CallerError for a session that is over, or that another page made a browser name."""

_HOW: Final = 'Send "Authorization: Bearer sk-pen-..." (or x-api-key). "penstock keys new" makes a key.'


class Auth:
    """The room. Without a ring (``auth.mode: open``) everybody passes."""

    needs: ClassVar[frozenset[str]] = frozenset({"head"})
    gives: ClassVar[frozenset[str]] = frozenset({"caller"})

    def __init__(self, ring: KeyRing | None, session: Session = lambda _: None) -> None:
        self._ring = ring
        self._session = session

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        ring = self._ring
        memo = exchange.call.memo
        if ring is None:
            exchange.key = exchange.scope = OPEN
            asked = memo.get(self)
            if asked is None:
                asked = memo[self] = _asked(exchange.call)
            exchange.priority = asked
            return next(exchange)
        known = memo.get(ring)
        if known is not None and known[0] == ring.epoch:
            key = known[1]
            exchange.priority = known[2]
        else:
            key = self._caller(ring, exchange.call.headers)
            if "call" not in key.rights:
                raise _forbidden("call")
            exchange.key = key.id  # now: it is told whose a call was that is refused for its class
            exchange.priority = max(NAMES.index(key.priority), _asked(exchange.call))  # none above its key's
            memo[ring] = (ring.epoch, key, exchange.priority)
        exchange.key = exchange.scope = key.id
        exchange.weight = key.weight
        return next(exchange)

    def admit(self, headers: Headers, right: Right) -> str:
        """The id of the key in ``headers`` if it may do ``right``: for routes that do not pass the rooms. A session of
        the dashboard stands for its key, for the right ``admin`` only; the key must have that right still."""
        if self._ring is None:
            return OPEN
        holder = self._session(headers) if right == "admin" else None
        if holder is not None:
            by, keyed = holder
            if keyed and not self._ring.may(by, right):
                raise _refused("The key that opened this session was revoked, or may no longer do this.")
            return by
        key = self._caller(self._ring, headers)
        if not key.may(right):
            raise _forbidden(right)
        return key.id

    def _caller(self, ring: KeyRing, headers: Headers) -> Key:
        caller: Key | None = None
        for name, value in headers:
            if name == b"authorization":
                key = ring.bearers.get(value) or _recognise_bearer(ring, value)
            elif name == b"x-api-key" or name == b"api-key":
                key = ring.values.get(value) or _recognise_value(ring, value)
            else:
                continue
            if key is None or key is caller:
                continue
            if caller is not None:
                raise _refused("Several different API keys were sent. Send one.")
            caller = key
        if caller is None:
            raise CallerError(f"No API key was sent. {_HOW}", status=401, code="missing_api_key")
        return caller

    def __repr__(self) -> str:
        return f"<Auth {self._ring!r}>" if self._ring is not None else "<Auth open>"


def _asked(call: Call) -> int:
    """The class that a call asks for. Raises CallerError."""
    asked = call.header(b"x-penstock-priority")
    return NORMAL if asked is None else parse(asked)


def _recognise_bearer(ring: KeyRing, value: bytes) -> Key | None:
    """None when there is nothing but the scheme, as clients send that have an empty key."""
    if len(value) > LONGEST_VALUE:
        raise _refused("The API key is too long to be one of this gateway's.")
    token = bearer_token(value)
    if token is None:
        if not value.strip():
            return None
        raise _refused(f"The Authorization field does not begin with Bearer. {_HOW}")
    return _recognise(ring, ring.bearers, value, token)


def _recognise_value(ring: KeyRing, value: bytes) -> Key | None:
    return _recognise(ring, ring.values, value, value.strip())


def _recognise(ring: KeyRing, memory: dict[bytes, Key], value: bytes, token: bytes) -> Key | None:
    if not token:
        return None
    if not well_formed(token):
        raise _refused("The API key is too long, or holds characters that no key of this gateway has.")
    key = ring.find(token)
    if key is None:
        raise _refused(f"The API key is not one of this gateway's, or it was revoked. {_HOW}")
    ring.remember(memory, value, key)
    return key


def _refused(message: str) -> CallerError:
    return CallerError(message, status=401, code="invalid_api_key")


def _forbidden(right: Right) -> CallerError:
    return CallerError(
        f'This API key lacks the right "{right}". "penstock keys list" shows what each key may do.',
        status=403,
        code="permission_denied",
    )
