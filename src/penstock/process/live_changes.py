"""Upstreams seen over all workers, and changed live: drained, weighed, added, removed. Serves the admin API and the
control socket.

Enters: a question of plain values. Leaves: a plain answer, ``ok`` or a list of problems with an HTTP status. Every
change is taken by all workers in the two steps of a reload, or by none.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.core.errors import CallerError
from penstock.core.scalars import suggest
from penstock.routing.config import RoutingConfig
from penstock.routing.discovery.instances import Instance
from penstock.routing.given import upstream_in, weight_in
from penstock.routing.listing import listing, victim
from penstock.routing.live import Live, added, changed, in_force, removed, reset, told, with_found

if TYPE_CHECKING:
    from penstock.process.team import Team

log = logging.getLogger("penstock")

POLL_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 300.0

Change = Callable[[Live, RoutingConfig], Live]


class LiveChanges:
    """See the module."""

    def __init__(self, team: Team) -> None:
        self._team = team

    async def upstreams(self, model: str = "") -> dict[str, Any]:
        """Every upstream; for a ``model`` also whom of its upstreams the fleet would miss least."""
        models = self._team.config.of(RoutingConfig).models
        if model and model not in models:
            told_so = f'unknown model "{model[:256]}"{suggest(model, list(models))}'
            return {"ok": False, "status": 404, "code": "model_not_found", "problems": [told_so]}
        rows = await self._rows()
        answer: dict[str, Any] = {"upstreams": rows, "live": told(self._team.spec.live)}
        if model:
            answer["victim"] = victim(rows, model)
        return answer

    async def _rows(self) -> list[dict[str, Any]]:
        return (await self.under())[0]

    async def under(self) -> tuple[list[dict[str, Any]], bool]:
        """Every upstream, those last that only end their calls; and whether all workers have told of theirs."""
        team = self._team
        asked = len(team.members)
        answers = await team.ask_all("upstreams")
        complete = len(answers) == asked
        return listing(team.config.of(RoutingConfig), answers, complete=complete), complete

    async def drain(self, names: Collection[str], *, drained: bool) -> list[str]:
        """Give those of ``names`` that are there no new calls, or give them some again, by one change. Returns the
        problems."""

        def change(live: Live, written: RoutingConfig) -> Live:
            known = in_force(written, live).upstreams
            for name in names:
                if name in known and known[name].drain != drained:
                    live = changed(live, written, name, drain=drained)
            return live

        return await self._team.change(change)

    async def change(self, question: dict[str, Any]) -> dict[str, Any]:
        """Do ``do`` (drain, undrain, put, remove, reset) to the upstream ``name``; ``body`` is what was put, ``wait``
        how many seconds to wait until a drained or removed one is empty, ``by`` who asked. To add one, this must be
        somebody ``trusted``."""
        name = str(question["name"])
        try:
            change = _change(str(question["do"]), name, question)
            problems = await self._team.change(change)
        except CallerError as error:
            return {"ok": False, "status": error.status, "code": error.code, "problems": error.message.splitlines()}
        if problems:
            return {"ok": False, "status": 422, "code": "change_refused", "problems": problems}
        log.warning("upstream %s: %s by %s", name, question["do"], question.get("by") or "the control socket")
        wait = min(LONGEST_WAIT_SECONDS, float(question.get("wait") or 0.0))
        return {"ok": True, "problems": [], "upstream": await self._settled(name, wait)}

    async def _settled(self, name: str, wait: float) -> dict[str, Any] | None:
        """The row of ``name`` once it is empty, or after ``wait`` seconds; None when it is gone."""
        until = time.monotonic() + wait
        while True:
            row = next((row for row in await self._rows() if row["name"] == name), None)
            if row is None or row["drained"] or time.monotonic() >= until:
                return row
            await asyncio.sleep(POLL_SECONDS)

    async def found(self, name: str, instances: tuple[Instance, ...]) -> bool:
        """Discovery has found other instances of ``name``. Returns whether they are in force."""
        problems = await self._team.change(lambda live, _: with_found(live, name, instances))
        if problems:
            log.error("the instances of upstream %s were refused: %s", name, "; ".join(problems))
        return not problems


def _change(do: str, name: str, question: dict[str, Any]) -> Change:
    """What is to be done to the live changes. Raises CallerError."""
    if do in ("drain", "undrain"):
        return partial(changed, name=name, drain=do == "drain")
    if do == "remove":
        return partial(removed, name=name)
    if do == "reset":
        return partial(reset, name=name)
    if do != "put":
        raise CallerError(f'"{do[:64]}" cannot be done to an upstream', code="unknown_change")
    body = str(question["body"]).encode()
    weight = weight_in(body)
    if weight is not None:
        return partial(changed, name=name, weight=weight)
    if not question.get("trusted"):
        raise CallerError(
            "an upstream is added with an admin key only, and auth.mode is open: use 'penstock upstreams add' on the"
            " gateway's machine",
            status=403, code="permission_denied",
        )  # fmt: skip
    upstream, models = upstream_in(name, body)
    return partial(added, name=name, upstream=upstream, models=models)
