"""The workers as the supervisor sees them: asked together, their answers merged. Implements the edge's Fleet.

A worker that does not answer in time is left out of the answer, never waited for.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from penstock import __version__
from penstock.config import Config, ConfigError
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
JOURNAL_SECONDS = 30.0
LEADER_SECONDS = 30.0
TRACE_SECONDS = 60.0
"""More than is traced: what was found is sorted then."""
STREAM_SECONDS = 20.0
"""A worker may hold a question about a stream until there is something to tell."""


class Member(Protocol):
    """One worker, near or far."""

    number: int

    async def ask(self, name: str, value: Any = None, *, within: float = 5.0) -> Any: ...


class Near:
    """A worker in this process."""

    def __init__(self, number: int, answers: Answers) -> None:
        self.number = number
        self._answers = answers

    async def ask(self, name: str, value: Any = None, *, within: float = 5.0) -> Any:
        """Ask directly."""
        return await self._answers[name](value)


class Team:
    """See the module. ``follow`` is called with the configuration in force after every reload, refused or not, and
    after every live change; ``looks`` tells what came of looking for instances, ``loads`` how long own
    engines took to load."""

    def __init__(self, source: Source, spec: Spec, follow: Callable[[Config], None] | None = None) -> None:
        self._source = source
        self._follow = follow
        self.spec = spec
        self.members: dict[int, Member] = {}
        self.started = time.time()
        self.reloads = 0
        self.refused_reload: list[str] = []
        self._reloading = asyncio.Lock()
        self._read = LastReading(os.environ)
        self.trials = Trials(self.ask_all)
        self.live = LiveChanges(self)
        self.desk = DeskOfAll(self.ask_all)
        self.session = self.desk.answer
        self.live_now = PulseOfAll(self.ask_all).now
        self.looks: Callable[[], dict[str, dict[str, int]]] = dict
        self.loads: Callable[[], dict[str, list[float]]] = dict
        self.answers: Answers = {
            "metrics": lambda _: self.metrics(),
            "status": lambda _: self.status(),
            "calls": lambda value: self.calls(int(value["count"]), str(value["id"])),
            "reload": lambda _: self.reload(),
            "upstreams": lambda model: self.upstreams(str(model or "")),
            "change": lambda value: self.change_upstream(value),
            "decisions": lambda value: self.decisions(value),
            "journal": lambda value: self.journal(value),
            "windows": lambda after: self.windows(float(after)),
            "leader": lambda value: self.leader(str(value["part"]), value["question"]),
            "trials": lambda _: self.trial_list(),
            "decide": lambda value: self.decide(str(value["model"]), str(value["asked"])),
            "session": self.session,
            "ui_link": self.desk.link,
            "live": lambda _: self.live_now(),
            "cache": lambda value: self.cache(value),
            "trace_memory": lambda value: self.trace_memory(value),
            "stream": lambda value: self.stream(int(value["worker"]), value["question"]),
        }

    async def ask_all(self, name: str, value: Any = None, *, within: float = 5.0) -> list[Any]:
        """Every worker's answer; those that fail are logged and left out."""
        members = list(self.members.values())
        answers = await asyncio.gather(
            *(member.ask(name, value, within=within) for member in members), return_exceptions=True
        )
        for member, answer in zip(members, answers, strict=True):
            if isinstance(answer, BaseException):
                log.warning("worker %d did not answer '%s': %s", member.number, name, answer)
        return [answer for answer in answers if not isinstance(answer, BaseException)]

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
            "started": self.started,
            "reloads": self.reloads,
            "refused_reload": self.refused_reload,
            "workers": dumps,
        }

    async def calls(self, count: int, request_id: str) -> list[dict[str, Any]]:
        """The newest calls of all workers, or the one with ``request_id``."""
        answers = await self.ask_all("calls", {"count": count, "id": request_id})
        rows = [row for answer in answers for row in answer]
        rows.sort(key=lambda row: -row["ended"])
        return rows[:count]

    async def upstreams(self, model: str) -> dict[str, Any]:
        """Every upstream over all workers; for a ``model`` whom of its upstreams the fleet would miss least."""
        return await self.live.upstreams(model)

    async def change_upstream(self, question: dict[str, Any]) -> dict[str, Any]:
        """Drain, weigh, add or remove an upstream while serving."""
        return await self.live.change(question)

    async def decisions(self, question: dict[str, Any]) -> dict[str, Any]:
        """How a call with ``body`` would be routed, by each worker; or the ``last`` decisions of all."""
        answers = await self.ask_all("decisions", question)
        refused = [answer for answer in answers if "problems" in answer]
        if refused:
            return dict(refused[0])
        if "body" in question:
            return {"ok": True, "workers": answers}
        rows = [{"worker": answer["worker"], **row} for answer in answers for row in answer["decisions"]]
        rows.sort(key=lambda row: -row["at"])
        recording = any(answer["recording"] for answer in answers)
        return {"ok": True, "recording": recording, "decisions": rows[: int(question["last"])]}

    async def journal(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Rows of the journal, which is one for all workers."""
        for member in list(self.members.values()):
            try:
                return dict(await member.ask("journal", asked, within=JOURNAL_SECONDS))
            except LinkError as error:
                log.warning("worker %d did not answer 'journal': %s", member.number, error)
        return {"status": 503, "code": "gateway_overloaded", "problems": ["no worker answered"]}

    async def windows(self, after: float) -> list[str]:
        """The windows of all workers that are over."""
        return [window for windows in await self.ask_all("windows", after) for window in windows]

    async def leader(self, part: str, question: dict[str, Any]) -> dict[str, Any]:
        """What the first worker, which gathers all windows, says of ``part``."""
        member = self.members.get(0)
        if member is None:
            return {"status": 503, "code": "gateway_overloaded", "problems": ["the first worker is starting"]}
        asked = {"part": part, "question": question}
        try:
            return dict(await member.ask("leader", asked, within=LEADER_SECONDS))
        except LinkError as error:
            return {"status": 503, "code": "gateway_overloaded", "problems": [str(error)]}

    async def trial_list(self) -> dict[str, Any]:
        """Models with a new version on trial, over all workers."""
        return await self.trials.told()

    async def decide(self, model: str, asked: str) -> bool:
        """Promote, roll back or resume the new version of ``model``; False when none is on trial."""
        return await self.trials.decide(model, asked)

    async def cache(self, question: dict[str, Any]) -> dict[str, Any]:
        """What the cache keeps, or what of it is to go: at all workers, for their store may be one of each."""
        if question.get("do") not in ("delete", "flush", "stats"):
            return dict(await next(iter(self.members.values())).ask("cache", question))
        answers: list[dict[str, Any]] = await self.ask_all("cache", question)
        if not answers:
            raise LinkError("no worker answered")
        if question.get("do") == "stats":  # each worker has a bound of its own for the answers to similar questions
            return answers[0] | {"semantic": [answer["semantic"] for answer in answers if answer.get("semantic")]}
        return max(answers, key=lambda answer: (bool(answer["ok"]), int(answer.get("deleted", 0))))

    async def trace_memory(self, question: dict[str, Any]) -> list[dict[str, Any]]:
        """What each worker knows of its memory, traced for a while."""
        return await self.ask_all("trace_memory", question, within=float(question["seconds"]) + TRACE_SECONDS)

    async def stream(self, owner: int, question: dict[str, Any]) -> dict[str, Any]:
        """Ask worker ``owner`` about a stream that it keeps. Raises LinkError when it is gone."""
        member = self.members.get(owner)
        if member is None:
            raise LinkError(f"worker {owner} is not there")
        return dict(await member.ask("stream", question, within=STREAM_SECONDS))

    async def join(self, member: Member, spec: Spec) -> None:
        """``member`` serves what ``spec`` says. It takes what was taken over meanwhile, and is asked from now on."""
        async with self._reloading:
            if spec != self.spec:
                problems = await member.ask("prepare", msgspec.to_builtins(self.spec), within=RELOAD_SECONDS)
                if problems:
                    raise LinkError("; ".join(problems))
                await member.ask("commit", within=RELOAD_SECONDS)
            self.members[member.number] = member
        if sessions := self.desk.rows():
            await member.ask("sessions", sessions)

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._read.in_force(self.spec)

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
            live = change(self.spec.live, self._read.written(self.spec).of(RoutingConfig))
            if live == self.spec.live:
                return []
            problems = await self._take(msgspec.structs.replace(self.spec, live=live))
            self._tell_followers()
            return problems

    def _tell_followers(self) -> None:
        if self._follow is not None:
            self._follow(self.config)

    async def _reload(self) -> list[str]:
        try:
            spec = self._source.read()
            if spec.text is not None and not spec.text.strip():
                return [f"{spec.name}: is empty; was it being written?"]
            routing = self._read.written(spec).of(RoutingConfig)
        except ConfigError as error:
            return list(error.problems)
        live, ended = rebased(self.spec.live, routing)
        clashes = [f"with its live changes: {message}" for _, message in merged(routing, live.edits).check()]
        problems = clashes or await self._take(msgspec.structs.replace(spec, live=live))
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
