"""Follows the key file: a key made or revoked elsewhere counts within ``pause`` seconds, without a reload."""

from __future__ import annotations

import asyncio

from penstock.auth.store import KeyStore


class KeyWatch:
    """The service. One ``stat`` a round; the file is read only when it changed."""

    name = "key-watch"

    def __init__(self, store: KeyStore, pause: float = 1.0) -> None:
        self._store = store
        self._pause = pause

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            self._store.refresh()

    def __repr__(self) -> str:
        return f"<KeyWatch {self._store!r}>"
