"""One worker: a Gateway on its listening socket, and the answers it gives to the supervisor's questions.

In one process with the supervisor it is asked directly; as a process of its own, over a Link (see child.py).
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from typing import Any

import msgspec

from penstock.assemble import Gateway
from penstock.assemble_engines import Engines
from penstock.assemble_live import move_calls
from penstock.assemble_observation import log_file
from penstock.auth.config import AuthConfig
from penstock.config import Config, ConfigError, StoreConfig
from penstock.core.errors import CallerError
from penstock.edge.config import ListenConfig
from penstock.edge.fleet import Fleet
from penstock.edge.sessions import Session
from penstock.net.tls import server_context
from penstock.process.link import Answers
from penstock.process.spec import LastReading, Spec


class Worker:
    """See the module. ``answers`` is what may be asked, by name; every value is plain."""

    def __init__(self, number: int, fleet: Fleet, engines: Engines | None = None) -> None:
        self.number = number
        self._busy: Callable[[], list[str]] | None = getattr(engines, "busy", None)
        self.gateway = Gateway(number, fleet, engines)
        self._tls: ssl.SSLContext | None = None
        self.reading = LastReading(os.environ)
        self.answers: Answers = {
            "dump": self._dump,
            "calls": self._calls,
            "prepare": self._prepare,
            "commit": self._commit,
            "discard": self._discard,
            "drain": self._drain,
            "leave": self._leave,
            "profile": self._profile,
            "stream": self._stream,
            "upstreams": self._upstreams,
            "decisions": self._decisions,
            "journal": self._journal,
            "windows": self._windows,
            "leader": self._leader,
            "demand": self._demand,
            "trials": self._trials,
            "decide": self._decide,
            "sessions": self._sessions,
            "pulse": self._pulse,
            "cache": self._cache,
            "trace_memory": self._trace_memory,
            "collect": self._collect,
            "move": self._move,
            "seats": self._seats,
        }

    async def open(self, spec: Spec, listener: socket.socket) -> None:
        """Build the gateway and accept calls on ``listener``. Raises ConfigError."""
        marks = self.gateway.warm.marks
        config = self.reading.in_force(spec)
        marks.mark("configuration read", self.gateway.clock.now())
        await self.gateway.__aenter__()
        try:
            self._tls = tls_context(config)
            await self.gateway.open(config)
            await self.gateway.server.listen(listener, self._tls)
            marks.mark("accepts calls", self.gateway.clock.now())
            await self.gateway.warm.ready()
            marks.mark("made warm", self.gateway.clock.now())
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Let go of everything."""
        await self.gateway.__aexit__(None, None, None)

    # ---- answers

    async def _dump(self, _: Any) -> dict[str, Any]:
        return self.gateway.dump()

    async def _calls(self, value: Any) -> list[dict[str, Any]]:
        observed = self.gateway.observed
        if observed is None:
            return []
        if value["id"]:
            row = observed.recent.find(value["id"])
            return [] if row is None else [row]
        return observed.recent.rows(value["count"])

    async def _stream(self, value: Any) -> dict[str, Any]:
        resumption = self.gateway.resumption
        return {} if resumption is None else await resumption.answer(value)

    async def _sessions(self, value: Any) -> None:
        self.gateway.keys.sessions.replace(msgspec.convert(value, list[Session]))

    async def _pulse(self, value: Any) -> dict[str, Any]:
        return await self.gateway.dashboard.pulse(bool(value["recent"]))

    async def _cache(self, value: Any) -> dict[str, Any]:
        caching = self.gateway.caching
        return (
            {"ok": False, "problems": ["the cache is not installed"]}
            if caching is None
            else await caching.answer(value)
        )

    async def _trace_memory(self, value: Any) -> dict[str, Any]:
        return await self.gateway.tending.trace(float(value["seconds"]), int(value["top"]))

    async def _collect(self, _: Any) -> int:
        return self.gateway.tending.collect()

    async def _seats(self, _: Any) -> list[str]:
        """The replicas of embedded engines, in the supervisor's process, at which calls of this worker are."""
        return [] if self._busy is None else self._busy()

    async def _move(self, names: Any) -> int:
        """Have what is under way at these upstreams go on elsewhere: they are to end."""
        return move_calls(self.gateway.upstreams, set(names))

    async def _upstreams(self, _: Any) -> dict[str, dict[str, Any]]:
        return self.gateway.upstreams.rows()

    async def _decisions(self, value: Any) -> dict[str, Any]:
        """How a call would be routed, or the last ones were; a call that would be refused is told as a problem."""
        try:
            return {"worker": self.number, **self.gateway.explain(value)}
        except CallerError as error:
            return {"ok": False, "status": error.status, "code": error.code, "problems": [error.message]}

    async def _journal(self, value: Any) -> dict[str, Any]:
        diary = self.gateway.diary
        if diary is None:
            return {"status": 404, "code": "not_found", "problems": ["the journal is not installed here"]}
        return await diary.answer(value)

    async def _windows(self, after: Any) -> list[str]:
        watching = self.gateway.watching
        return [] if watching is None else await watching.windows(float(after))

    async def _leader(self, value: Any) -> dict[str, Any]:
        watching, part = self.gateway.watching, str(value["part"])
        if watching is None:
            return {"status": 404, "code": "not_found", "problems": [f"{part} is not installed here"]}
        return await watching.answer(part, value["question"])

    async def _demand(self, pools: Any) -> dict[str, Any]:
        return self.gateway.demand.told(pools)

    async def _trials(self, _: Any) -> dict[str, Any]:
        return self.gateway.upstreams.dump_trials()

    async def _decide(self, value: Any) -> None:
        """A verdict on a version on trial; of one that is no longer what it was about, nothing is to be done."""
        self.gateway.upstreams.decide(value["model"], value["id"], value["verdict"], value["reason"])

    async def _prepare(self, value: Any) -> list[str]:
        """Make an edition and keep it ready. Answers with the problems: none means ready."""
        spec = msgspec.convert(value, Spec)
        try:
            config = self.reading.in_force(spec)
            problems = unchangeable(self.gateway.config, config)
            if problems:
                return problems
            tls_context(config)
            if self.gateway.caching is not None:
                await self.gateway.caching.semantics.load(config)
            self.gateway.prepare(config)
        except ConfigError as error:
            return list(error.problems)
        return []

    async def _commit(self, _: Any) -> None:
        """Serve by what was prepared. A renewed certificate counts for connections from now on."""
        self.gateway.adopt()
        tls = self.gateway.config.of(ListenConfig).tls
        if self._tls is not None and tls is not None:
            self._tls.load_cert_chain(tls.cert, tls.key)

    async def _discard(self, _: Any) -> None:
        """Forget what was prepared: another worker could not."""
        self.gateway.discard()

    async def _drain(self, seconds: Any) -> None:
        """End within ``seconds``; None takes what is configured."""
        await self.gateway.drain(self.gateway.config.of(ListenConfig).drain if seconds is None else float(seconds))

    async def _profile(self, within: Any) -> dict[str, Any]:
        """Where the time of the start went."""
        return {"worker": self.number, "spans": await self.gateway.warm.profile(float(within))}

    async def _leave(self, seconds: Any) -> None:
        """Another one serves here now: end with the last call, within ``seconds``."""
        await self.gateway.drain(float(seconds), renewed=True)

    def __repr__(self) -> str:
        return f"<Worker {self.number}>"


def tls_context(config: Config) -> ssl.SSLContext | None:
    """What the configured certificate makes. Raises ConfigError when its files do not fit."""
    tls = config.of(ListenConfig).tls
    if tls is None:
        return None
    try:
        return server_context(tls.cert, tls.key)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError([f"{config.source}: listen.tls: {tls.cert} and {tls.key} cannot be used: {error}"]) from None


def unchangeable(old: Config, new: Config) -> list[str]:
    """Why ``new`` cannot replace ``old`` in a running process: some things are bound at start."""
    changed = [
        f"listen.{name}"
        for name in ("host", "port", "workers", "tls")
        if getattr(old.of(ListenConfig), name) != getattr(new.of(ListenConfig), name)
    ]
    if old.of(StoreConfig) != new.of(StoreConfig):
        changed.append("store")
    if old.of(AuthConfig) != new.of(AuthConfig):
        changed.append("auth")
    if log_file(old) != log_file(new):
        changed.append("observe.log_file")
    return [f"{new.source}: {name} cannot change while running; restart to change it" for name in changed]
