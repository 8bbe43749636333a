"""Is the configured store fit to be used? Part of ``penstock doctor``.

Enters: a Config. Leaves: one Step. Fails never. A file is only read, and neither made nor moved; of a server nothing is
asked but who it is.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import time
from collections.abc import Mapping
from contextlib import closing
from urllib.parse import quote

from penstock.assemble_doctor_reach import Step
from penstock.assemble_store import store_kind, store_path
from penstock.config import Config, StoreConfig

SECONDS = 5.0


def examine_store(config: Config, environ: Mapping[str, str]) -> Step:
    """The verdict."""
    began = time.monotonic()
    kind = store_kind(config)
    if importlib.util.find_spec("penstock.store") is None:
        return Step("open", "skipped", "the store slice is not installed: nothing is kept")
    if kind == "memory":
        return Step("open", "ok", "in the memory of each worker: it ends with it")
    try:
        said = _file(store_path(config, environ)) if kind == "sqlite" else _server(config)
    except Exception as error:
        fix = _DAMAGED if isinstance(error, ValueError) else _FIX[kind]
        return Step("open", "failed", str(error), fix, _milliseconds(began))
    return Step("open", "ok", said, "", _milliseconds(began))


_DAMAGED = "the gateway moves it aside and begins a new one when it meets this; or move it away yourself"
_FIX = {
    "sqlite": "until then nothing is kept; the gateway serves all the same",
    "redis": "look whether the server runs and store: names it rightly; until then nothing is kept",
}


def _file(path: str) -> str:
    """What is to be said of a file that is well."""
    import sqlite3

    from penstock.store.sqlite.file import is_damage
    from penstock.store.sqlite.schema import refuse_newer_file

    folder = os.path.dirname(path)
    if not os.path.lexists(path):
        existing = folder
        while not os.path.isdir(existing):
            existing = os.path.dirname(existing)
        if not os.access(existing, os.W_OK | os.X_OK):
            raise OSError(f"{path} cannot be made: {existing} may not be written to")
        return f"{path} is not there yet; the first use makes it"
    if not os.path.isfile(path) or not os.access(path, os.R_OK | os.W_OK) or not os.access(folder, os.W_OK):
        raise OSError(f"{path} may not be written to, or its folder may not")
    refuse_newer_file(path)
    try:
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=SECONDS)) as connection:
            told = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        if not is_damage(error):
            raise OSError(f"{path} cannot be read: {error}") from None
        told = str(error)
    if told != "ok":
        raise ValueError(f"{path} is damaged: {told}")
    return f"{path}, {os.stat(path).st_size / 1e6:.1f} MB"


def _server(config: Config) -> str:
    """What is to be said of a server that answers."""
    from penstock.store.redis.service import Address, Line

    async def ask() -> str:
        address = Address(str(config.of(StoreConfig).store))
        line = Line(address, time.monotonic, SECONDS)
        try:
            (info,) = await line.run([("INFO", "server")])
        finally:
            await line.aclose()
        version = next((row for row in bytes(info).decode().splitlines() if row.startswith("redis_version:")), "")
        return f"redis at {address.name} answers: {version}"

    return asyncio.run(ask())


def _milliseconds(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)
