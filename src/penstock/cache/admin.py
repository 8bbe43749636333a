"""What an operator may see of the cache and do to it: search, show, delete, flush. Pure but for what it awaits.

Enters: an exchange whose key may, or a question of the command line. Leaves: JSON. What is deleted is gone at every
worker within a second, through the store's log; ``stored`` tells whether the store has it, so that no crash brings it
back. May fail: CallerError for a question that says nothing known.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any
from urllib.parse import parse_qs

import msgspec

from penstock.cache.directory import FLUSHABLE
from penstock.cache.entry import Entry
from penstock.cache.replay import whole_body
from penstock.cache.service import flush, search, settled
from penstock.cache.store import Shelf
from penstock.core.call import Headers
from penstock.core.errors import CallerError, Fail
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply

PATH = "/admin/v1/cache"
MOST_LISTED = 1000
MOST_SHOWN_BYTES = 64 * 1024
_JSON: Headers = [(b"content-type", b"application/json")]
_SORTS = ("created", "accesses", "size", "cost", "expires")
_WORDS = {*FLUSHABLE, "dry_run", "limit", "sort", "all"}


class Admin:
    """See the module."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    # ---- over HTTP

    async def all(self, exchange: Exchange) -> Reply:
        """``GET``: numbers, and the entries that fit the query; ``DELETE``: lets those go."""
        asked = _query(exchange)
        if exchange.call.method == "DELETE":
            return _json(await self.flush(asked))
        return _json(await self.listing(asked))

    async def one(self, exchange: Exchange) -> Reply:
        """``GET`` or ``DELETE`` one entry by its id."""
        id = exchange.call.path.removeprefix(f"{PATH}/")
        if exchange.call.method == "DELETE":
            return _json(await self.delete(id, _query(exchange)))
        return _json(await self.show(id))

    # ---- for both

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """A question of the command line; what is wrong with it is told as problems."""
        asked = {str(name): str(value) for name, value in dict(question.get("asked") or {}).items()}
        try:
            _check(asked)
            verb, id = str(question.get("do")), str(question.get("id") or "")
            if verb == "show":
                return {"ok": True, **await self.show(id)}
            if verb == "delete":
                return {"ok": True, **await self.delete(id, asked)}
            if verb == "flush":
                return {"ok": True, **await self.flush(asked)}
            return {"ok": True, **await self.listing(asked)}
        except CallerError as error:
            return {"ok": False, "status": error.status, "code": error.code, "problems": [error.message]}

    async def listing(self, asked: dict[str, str]) -> dict[str, Any]:
        """Numbers, and those entries that fit."""
        limit = min(_number(asked.get("limit", "100")), MOST_LISTED)
        sort = asked.get("sort", "created")
        if sort not in _SORTS:
            raise CallerError(f"sort must be one of {', '.join(_SORTS)}", code="bad_query", param="sort")
        found, size, best = await search(self._shelf, _what(asked), limit, attrgetter(sort))
        return {
            "cache": self._shelf.dump(),
            "found": found,
            "bytes": size,
            "entries": [self._told(one) for one in best],
        }

    async def show(self, id: str) -> dict[str, Any]:
        """One entry and its answer, as the caller would get it whole."""
        entry = self._entry(id)
        answer = self._shelf.held(entry) or await self._shelf.fetch(entry)
        if answer is None:
            raise CallerError("the answer of this entry is gone", status=404, code="entry_not_found")
        try:
            body = whole_body(entry.operation, answer, entry)
        except Fail:
            body = answer.data
        text = body[:MOST_SHOWN_BYTES].decode("utf-8", "replace")
        return {"entry": self._told(entry), "answer": text, "cut": len(body) > MOST_SHOWN_BYTES}

    async def delete(self, id: str, asked: dict[str, str]) -> dict[str, Any]:
        """One entry."""
        entry = self._entry(id)
        dry = _is_dry(asked)
        if not dry:
            self._shelf.flush({"id": entry.name})
        stored = await self._stored(dry)
        return {"dry_run": dry, "deleted": 1, "bytes": entry.size, "ids": [entry.name], "stored": stored}

    async def flush(self, asked: dict[str, str]) -> dict[str, Any]:
        """All that fit; everything only where that is said (``all=true``)."""
        what = _what(asked)
        for name in ("limit", "sort"):
            if name in asked:
                raise CallerError(f"{name} is for listing; all entries that fit go", code="bad_query", param=name)
        if not what and asked.get("all") != "true":
            raise CallerError(f"say which entries are to go: {', '.join(FLUSHABLE)}, or all=true", code="bad_query")
        dry = _is_dry(asked)
        if dry:
            count, size, those = await search(self._shelf, what, MOST_LISTED, attrgetter("created"))
            names = [entry.name for entry in those]
        else:
            count, size, names = await flush(self._shelf, what)
        return {"dry_run": dry, "deleted": count, "bytes": size, "ids": names, "stored": await self._stored(dry)}

    async def _stored(self, dry: bool) -> bool:
        """Whether the store knows: what it does not know yet, a crash here would bring back."""
        return not dry and await settled(self._shelf)

    def _entry(self, id: str) -> Entry:
        try:
            entry = self._shelf.directory.entries.get(bytes.fromhex(id))
        except ValueError:
            entry = None
        if entry is None:
            raise CallerError(f"there is no entry {id[:64]!r}", status=404, code="entry_not_found")
        return entry

    def _told(self, entry: Entry) -> dict[str, Any]:
        wall = self._shelf.wall()
        held = entry.id in self._shelf.tier
        return entry.told() | {
            "age": round(wall - entry.created, 1),
            "left": round(entry.expires - wall, 1),
            "held": held,
        }

    def __repr__(self) -> str:
        return f"<Admin of {self._shelf!r}>"


def _query(exchange: Exchange) -> dict[str, str]:
    try:
        parsed = parse_qs(exchange.call.query.decode("latin-1"), keep_blank_values=True, max_num_fields=16)
    except ValueError:
        raise CallerError("the query has too many fields", code="bad_query") from None
    for name, values in parsed.items():
        if len(values) > 1:  # to let one of two tags go, and say nothing of the other, is worse than to refuse
            raise CallerError(f"{name[:64]!r} is given twice", code="bad_query", param=name[:64])
    asked = {name: values[0] for name, values in parsed.items()}
    _check(asked)
    return asked


def _check(asked: dict[str, str]) -> None:
    for name, value in asked.items():
        if name not in _WORDS:
            known = ", ".join(sorted(_WORDS))
            raise CallerError(f"unknown field {name[:64]!r} in the query; known are {known}", code="bad_query")
        if name in FLUSHABLE and not (0 < len(value) <= 1024 and value.isprintable()):
            raise CallerError(f"{name} must be a printable text", code="bad_query", param=name)


def _what(asked: dict[str, str]) -> dict[str, str]:
    return {name: asked[name] for name in FLUSHABLE if name in asked}


def _is_dry(asked: dict[str, str]) -> bool:
    value = asked.get("dry_run", "false").lower()
    if value not in ("true", "false", "", "1", "0"):
        raise CallerError("dry_run must be true or false", code="bad_query", param="dry_run")
    return value in ("true", "", "1")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise CallerError("limit must be a number", code="bad_query", param="limit")
    return int(text)


def _json(value: Any) -> Reply:
    return Reply(200, list(_JSON), msgspec.json.encode(value) + b"\n")
