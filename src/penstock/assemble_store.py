"""The composition root's part for the store slice, which is optional: without it nothing is stored.

A worker has one store for all its life: it is opened in ``Gateway.open``, survives reloads and is closed at the end.
Fails with ConfigError for a store that is not installed, or whose contents a newer Penstock wrote.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from penstock.auth.config import AuthConfig
from penstock.auth.store import default_path
from penstock.config import Config, StoreConfig
from penstock.core.clock import Clock
from penstock.core.settings import ConfigError

if TYPE_CHECKING:
    from penstock.store.store import Desk, DeskStore

FILE_NAME = "store.sqlite"
BEGIN_SECONDS = 2.0
"""How long a start waits for a Redis server that does not answer."""


def store_kind(config: Config) -> str:
    """``memory``, ``sqlite`` or ``redis``."""
    return str(config.of(StoreConfig).store).partition(":")[0].replace("rediss", "redis")


def store_path(config: Config, environ: Mapping[str, str]) -> str:
    """Where the file of a ``sqlite`` store is: where the config says, else beside the key file."""
    named = str(config.of(StoreConfig).store).partition("sqlite:")[2]
    if named:
        return os.path.abspath(os.path.expanduser(named))
    keys = config.of(AuthConfig).key_file or default_path(environ)
    return os.path.join(os.path.dirname(os.path.abspath(keys)), FILE_NAME)


async def open_store(config: Config, clock: Clock, environ: Mapping[str, str]) -> DeskStore | None:
    """The configured store; None where the slice is not installed. Raises ConfigError."""
    if importlib.util.find_spec("penstock.store") is None:
        return None
    from penstock.store.store import DeskStore

    kind = store_kind(config)
    if kind == "memory":
        return DeskStore("memory", partial(_memory, clock), shared=False)
    if kind == "sqlite":
        path = store_path(config, environ)
        _refuse_newer(path, config.source)
        return DeskStore("sqlite", partial(_sqlite, path, clock), shared=True)
    return await _redis(config, clock)


async def _redis(config: Config, clock: Clock) -> DeskStore:
    """Connected if the server is there; looked for from now on if not. Raises ConfigError for one that is too old."""
    from penstock.store.redis.service import TooOld
    from penstock.store.redis.store import RedisDesk
    from penstock.store.store import DeskStore

    try:
        desk = RedisDesk(str(config.of(StoreConfig).store), clock.wall, clock.now)
        await desk.begin(BEGIN_SECONDS)
    except (TooOld, ValueError) as error:
        raise ConfigError([f"{config.source}: store: {error}"]) from None
    store = DeskStore("redis", lambda: desk, shared=True)
    store.open()
    return store


def _memory(clock: Clock) -> Desk:
    from penstock.store.memory.store import MemoryDesk

    return MemoryDesk(clock.wall, clock.now)


def _sqlite(path: str, clock: Clock) -> Desk:
    from penstock.store.sqlite.store import SqliteDesk

    return SqliteDesk(path, clock.wall, clock.now)


def _refuse_newer(path: str, source: str) -> None:
    from penstock.store.sqlite.schema import NewerFile, refuse_newer_file

    try:
        refuse_newer_file(path)
    except NewerFile as error:
        raise ConfigError([f"{source}: store: {path} cannot be used: {error}"]) from None
