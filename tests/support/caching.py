"""Entries, answers and shelves for tests of the cache."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from penstock.cache.config import CacheConfig
from penstock.cache.entry import Answer, Entry
from penstock.cache.store import Shelf
from penstock.core.call import Call
from penstock.core.clock import FakeClock
from penstock.core.exchange import Exchange
from penstock.core.stored import Store
from penstock.memory.ledger import BoundedAccount
from penstock.wire.json import fill
from penstock.wire.operations import OPERATIONS

WALL = 1_800_000_000.0
JSON = b"application/json"
BY_NAME = {operation.name: operation for operation in OPERATIONS}
CHAT: dict[str, Any] = {"model": "m", "temperature": 0, "messages": [{"role": "user", "content": "hi"}]}


def id_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]


def entry(name: str = "a", **fields: Any) -> Entry:
    given: dict[str, Any] = {
        "id": id_of(name), "operation": "chat", "model": "m", "upstream": "u", "named": "m-1", "scope": b"s" * 8,
        "by": b"b" * 8, "asked": WALL, "created": WALL, "expires": WALL + 3600, "size": 100,
    }  # fmt: skip
    return Entry(**(given | fields))


def answer(text: str = "hello") -> Answer:
    """A whole chat answer."""
    message = {"role": "assistant", "content": text}
    body = {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }  # fmt: skip
    return Answer(JSON, json.dumps(body).encode())


def shelf(store: Store | None = None, clock: FakeClock | None = None, me: str = "w", **fields: Any) -> Shelf:
    """Open and ready."""
    config = CacheConfig(**fields)
    account = BoundedAccount("cache", config.memory)
    made = Shelf(store, account, config, me, (clock or FakeClock(wall=WALL)).wall)
    made.open(b"secret", config.encryption_key)
    made.ready = True
    return made


def exchange(key: str = "key-1", operation: str = "chat", headers: Any = (), **fields: Any) -> Exchange:
    """A peeked call; ``fields`` join those of a deterministic chat."""
    made = BY_NAME[operation]
    call = Call(made, "POST", "/v1" + made.path, b"", list(headers), "127.0.0.1")
    fill(call, json.dumps(CHAT | fields).encode())
    body: Any = None
    one = Exchange("req_1", call, 1000.0, 1060.0, body)
    one.key = one.scope = key
    return one


def served(one: Exchange, *, status: int = 200, upstream: str = "u") -> Exchange:
    """As the rooms below leave it."""
    one.upstream, one.model, one.answered_as, one.status = upstream, one.call.model, one.call.model, status
    one.attempts = 1
    one.tokens_in, one.tokens_out = 3, 2
    return one
