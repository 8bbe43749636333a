"""The workers as the supervisor sees them: asked together, their answers merged. Implements the edge's Fleet.

A worker that does not answer in time is left out of the answer, never waited for.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from penstock import __version__
from penstock.config import Config, ConfigError
from penstock.core.errors import CallerError
from penstock.process import live_settings
from penstock.process.asked import Asked, Member
from penstock.process.link import Answers, LinkError
from penstock.process.live_changes import Change, LiveChanges
from penstock.process.pulse import PulseOfAll
from penstock.process.sessions import DeskOfAll
from penstock.process.spec import LastReading, Source, Spec
from penstock.process.trials import Trials
from penstock.routing.config import RoutingConfig
from penstock.routing.live import merged, rebased, told

log = logging.getLogger("penstock")

RELOAD_SECONDS = 30.0


async def _cannot_restart() -> dict[str, Any]:
    return {"ok": False, "problems": ["nobody here starts workers"]}


class Team(Asked):
    """See the module. ``follow`` is called with the configuration in force after every reload, refused or not, and
    after every live change; ``looks`` tells what came of looking for instances, ``loads`` how long own
    engines took to load, ``scaled`` keeps pools of replicas."""

    def __init__(self, source: Source, spec: Spec, follow: Callable[[Config], None] | None = None) -> None:
        super().__init__()
        self._source = source
        self._follow = follow
        self.spec = spec
        self.started = time.time()
        self.reloads = 0
        self.refused_reload: list[str] = []
        self._reloading = asyncio.Lock()
        self.reading = LastReading(os.environ)
        self.trials = Trials(self.ask_all)
        self.live = LiveChanges(self)
        self.desk = DeskOfAll(self.ask_all)
        self.session = self.desk.answer
        self.live_now = PulseOfAll(self.ask_all).now
        self.looks: Callable[[], dict[str, dict[str, int]]] = dict
        self.scaled: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]] | None = None
        self.loads: Callable[[], dict[str, list[float]]] = dict
        self.restart: Callable[[], Awaitable[dict[str, Any]]] = _cannot_restart
        self.answers: Answers = {
            "metrics": lambda _: self.metrics(),
            "status": lambda _: self.status(),
            "calls": lambda value: self.calls(int(value["count"]), str(value["id"])),
            "reload": lambda _: self.reload(),
            "restart": lambda _: self.restart(),
            "upstreams": lambda model: self.upstreams(str(model or "")),
            "change": lambda value: self.change_upstream(value),
            "settings": lambda value: self.settings(value),
            "decisions": lambda value: self.decisions(value),
            "journal": lambda value: self.journal(value),
            "windows": lambda after: self.windows(float(after)),
            "leader": lambda value: self.leader(str(value["part"]), value["question"]),
            "pools": lambda value: self.pools(value),
            "demand": lambda value: self.demand(value),
            "trials": lambda _: self.trial_list(),
            "decide": lambda value: self.decide(str(value["model"]), str(value["asked"])),
            "session": self.session,
            "ui_link": self.desk.link,
            "live": lambda _: self.live_now(),
            "cache": lambda value: self.cache(value),
            "trace_memory": lambda value: self.trace_memory(value),
            "stream": lambda value: self.stream(int(value["worker"]), value["question"]),
        }

    async def metrics(self) -> str:
        """Prometheus text over all workers."""
        if importlib.util.find_spec("penstock.observe") is None:
            return "# the observe slice is not installed\n"
        from penstock.observe.prometheus import render

        return render(await self.ask_all("dump"), __version__, self.looks(), self.loads())

    async def status(self) -> dict[str, Any]:
        """What is running, and how it is."""
        dumps = await self.ask_all("dump")
        for dump in dumps:
            observed = dump.pop("observed")
            dump["in_flight"] = None if observed is None else observed["in_flight"]
        return {
            "version": __version__,
            "config": self.spec.name,
            "live": told(self.spec.live),
            "settings": live_settings.told(self.spec.settings),
            "started": self.started,
            "reloads": self.reloads,
            "refused_reload": self.refused_reload,
            "workers": dumps,
        }

    async def upstreams(self, model: str) -> dict[str, Any]:
        """Every upstream over all workers; for a ``model`` whom of its upstreams the fleet would miss least."""
        return await self.live.upstreams(model)

    async def change_upstream(self, question: dict[str, Any]) -> dict[str, Any]:
        """Drain, weigh, add or remove an upstream while serving."""
        return await self.live.change(question)

    async def pools(self, question: dict[str, Any]) -> dict[str, Any]:
        """Pools of replicas, which the supervisor keeps."""
        return {"pools": {}} if self.scaled is None else await self.scaled(question)

    async def trial_list(self) -> dict[str, Any]:
        """Models with a new version on trial, over all workers."""
        return await self.trials.told()

    async def decide(self, model: str, asked: str) -> bool:
        """Promote, roll back or resume the new version of ``model``; False when none is on trial."""
        return await self.trials.decide(model, asked)

    async def join(self, member: Member, spec: Spec) -> None:
        """``member`` serves what ``spec`` says. It takes what was taken over meanwhile, and is asked from now on."""
        async with self._reloading:
            if spec != self.spec:
                problems = await member.ask("prepare", msgspec.to_builtins(self.spec), within=RELOAD_SECONDS)
                if problems:
                    raise LinkError("; ".join(problems))
                await member.ask("commit", within=RELOAD_SECONDS)
            if (old := self.members.get(member.number)) is not None:
                self.leaving.setdefault(old.number, []).append(old)
            self.members[member.number] = member
        if sessions := self.desk.rows():
            await member.ask("sessions", sessions)

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.reading.in_force(self.spec)

    async def reload(self) -> dict[str, Any]:
        """Read the configuration again: every worker builds and checks it, then all take it, or none does."""
        async with self._reloading:
            problems = await self._reload()
            self.refused_reload = problems
            self._tell_followers()
            if problems:
                log.error("configuration refused, the old one stays: %s", "; ".join(problems))
                return {"ok": False, "problems": problems}
            self.reloads += 1
            log.info("configuration taken over from %s", self.spec.name)
            return {"ok": True, "problems": []}

    async def change(self, change: Change) -> list[str]:
        """Serve with other live changes; they are taken as a reload is. Returns the problems; raises what ``change``
        raises."""
        async with self._reloading:
            live = change(self.spec.live, self.reading.written(self.spec).of(RoutingConfig))
            if live == self.spec.live:
                return []
            problems = await self._take(msgspec.structs.replace(self.spec, live=live))
            self._tell_followers()
            return problems

    async def settings(self, question: dict[str, Any]) -> dict[str, Any]:
        """The settings changed live; with ``settings`` in the question these instead, all of them, and ``by`` whom.
        ``act``: ``collect`` has all workers look for garbage."""
        async with self._reloading:
            problems: list[str] = []
            if question.get("act") == "collect":
                await self.ask_all("collect", within=RELOAD_SECONDS)
            if "settings" in question:
                try:
                    written = self.reading.written(self.spec)
                    wanted = live_settings.changed(written, question["settings"], str(question.get("by", "")))
                except CallerError as error:
                    return {"ok": False, "problems": [error.message], "status": error.status, "code": error.code}
                if wanted != self.spec.settings:
                    problems = await self._take(msgspec.structs.replace(self.spec, settings=wanted))
                    self._tell_followers()
            return {"ok": not problems, "problems": problems, "settings": live_settings.told(self.spec.settings)}

    def _tell_followers(self) -> None:
        if self._follow is not None:
            self._follow(self.config)

    async def _reload(self) -> list[str]:
        try:
            spec = self._source.read()
            if spec.text is not None and not spec.text.strip():
                return [f"{spec.name}: is empty; was it being written?"]
            written = self.reading.written(spec)
            routing = written.of(RoutingConfig)
        except ConfigError as error:
            return list(error.problems)
        live, ended = rebased(self.spec.live, routing)
        settings, outdated = live_settings.rebased(self.spec.settings, written)
        clashes = [f"with its live changes: {message}" for _, message in merged(routing, live.edits).check()]
        problems = clashes or await self._take(msgspec.structs.replace(spec, live=live, settings=settings))
        if outdated and not problems:
            log.warning("live settings ended, for the file says something new of them: %s", ", ".join(outdated))
        if ended and not problems:
            log.warning("live changes ended, for the file says something new there: %s", ", ".join(ended))
        return problems

    async def _take(self, spec: Spec) -> list[str]:
        """Every worker builds and checks ``spec``, then all take it, or none does. Returns the problems."""
        members = list(self.members.values())
        value = msgspec.to_builtins(spec)
        answers = await asyncio.gather(
            *(member.ask("prepare", value, within=RELOAD_SECONDS) for member in members), return_exceptions=True
        )
        problems: list[str] = []
        for member, answer in zip(members, answers, strict=True):
            lines = [f"worker {member.number}: {answer}"] if isinstance(answer, BaseException) else answer
            problems += [line for line in lines if line not in problems]
        if problems:
            await self.ask_all("discard", within=RELOAD_SECONDS)
        else:
            self.spec = spec
            await self.ask_all("commit", within=RELOAD_SECONDS)
        return problems

    def __repr__(self) -> str:
        return f"<Team of {len(self.members)}, {self.reloads} reloads>"
