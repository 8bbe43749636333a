"""The workers as they are asked: all together, or the one that knows. Answers are merged.

A worker that does not answer in time is left out of the answer, never waited for.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from penstock.process.link import Answers, LinkError

log = logging.getLogger("penstock")

JOURNAL_SECONDS = 30.0
LEADER_SECONDS = 30.0
POOLS_SECONDS, RESIZE_SECONDS = 5.0, 25.0
DEMAND_SECONDS = 1.0
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


class Asked:
    """See the module."""

    def __init__(self) -> None:
        self.members: dict[int, Member] = {}
        self.leaving: dict[int, list[Member]] = {}
        """By number: those that were renewed, and end with their last calls."""

    def forget(self, member: Member) -> None:
        """It has ended."""
        if self.members.get(member.number) is member:
            del self.members[member.number]
        left = [one for one in self.leaving.pop(member.number, []) if one is not member]
        if left:
            self.leaving[member.number] = left

    async def ask_all(self, name: str, value: Any = None, *, within: float = 5.0, leaving: bool = False) -> list[Any]:
        """Every worker's answer; those that fail are logged and left out. ``leaving``: ask those too that leave."""
        members = list(self.members.values())
        if leaving:
            members += [member for those in self.leaving.values() for member in those]
        answers = await asyncio.gather(
            *(member.ask(name, value, within=within) for member in members), return_exceptions=True
        )
        for member, answer in zip(members, answers, strict=True):
            if isinstance(answer, BaseException):
                log.warning("worker %d did not answer '%s': %s", member.number, name, answer)
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    async def calls(self, count: int, request_id: str) -> list[dict[str, Any]]:
        """The newest calls of all workers, or the one with ``request_id``."""
        answers = await self.ask_all("calls", {"count": count, "id": request_id})
        rows = [row for answer in answers for row in answer]
        rows.sort(key=lambda row: -row["ended"])
        return rows[:count]

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

    async def uses(self, base_url: str) -> bool:
        """Whether a worker in a process of its own has calls at this replica of an engine; one that is silent may."""
        asked = len(self.members)
        answers = await self.ask_all("seats")
        return len(answers) < asked or any(base_url in seats for seats in answers)

    async def windows(self, after: float) -> list[str]:
        """The windows of all workers that are over."""
        return [window for windows in await self.ask_all("windows", after, leaving=True) for window in windows]

    async def demand(self, pools: list[str]) -> list[dict[str, Any]]:
        """What each worker has to do with ``pools`` right now."""
        return await self.ask_all("demand", pools, within=DEMAND_SECONDS)

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
        """Ask worker ``owner`` about a stream that it keeps; one that leaves may keep it yet. Raises LinkError when it
        is gone."""
        those = [*self.leaving.get(owner, []), *([self.members[owner]] if owner in self.members else [])]
        if not those:
            raise LinkError(f"worker {owner} is not there")
        answer: dict[str, Any] = {}
        for member in those:
            answer = dict(await member.ask("stream", question, within=STREAM_SECONDS))
            if "failed" not in answer:
                break
        return answer
