"""The composition root's part for feedback: what callers thought of answers, kept beside the journal.

All of it is taken by the first worker, which finds the call (in the rings of all workers, then in the journal), writes
the opinion into a log of the store, counts it in its windows and metrics, and tells a version on trial. Every worker
follows the log, so that any may show a score beside a call. Without the observe slice there is no feedback.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from penstock.assemble_live import hear
from penstock.config import Config
from penstock.core.stored import Log, Missed
from penstock.edge.feedback_routes import Correct, FeedbackRoutes
from penstock.edge.generation import LocalRoute

if TYPE_CHECKING:
    from penstock.assemble_watching import Watching

LOG = "feedback"
BATCH = 500
LIKED = 0.5
"""From this score on a version on trial is liked."""
MOST_TOLD = 100
_UNKNOWN: dict[str, Any] = {
    "status": 404, "code": "call_not_found",
    "problems": ["no call with that request id is known of this key (it may be forgotten by now)"],
}  # fmt: skip
_TOO_MANY: dict[str, Any] = {
    "status": 429, "code": "too_much_feedback",
    "problems": ["too many unknown calls, or changes of what was said before; try again later"],
}  # fmt: skip


class Hearing:
    """See the module. It survives reloads."""

    def __init__(self, watching: Watching) -> None:
        from penstock.observe.opinions import Opinions

        self._watching = watching
        self._gateway = watching.gateway
        self._opinions = Opinions()
        self._log: Log | None = None
        self._position = ""
        watching.answers["feedback"] = self.answer
        if self._gateway.diary is not None:
            self._gateway.diary.annotate = self.annotate

    def open(self) -> None:
        """The log is made with the first opinion, or the first that looks for one."""

    def follow(self, config: Config) -> None:
        """Nothing of it is configured."""

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        caching = self._gateway.caching
        correct: Correct | None = None if caching is None else caching.semantics.correct
        return FeedbackRoutes(self._gateway.fleet, correct).routes()

    async def annotate(self, rows: list[dict[str, Any]]) -> None:
        """Put ``score`` and ``label`` beside the calls that have some."""
        await self._catch_up()
        for row in rows:
            opinion = self._opinions.of(row["key"], row["id"])
            if opinion is not None:
                row["score"], row["label"] = opinion.score, opinion.label

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Take what is ``said``; else tell the newest."""
        await self._catch_up()
        said = question.get("said")
        if not isinstance(said, dict):  # a query holds texts alone
            return {"feedback": [opinion.told() for opinion in self._opinions.newest(MOST_TOLD)]}
        key, id = str(said["key"]), str(said["request"])
        call = await self._call(key, id)
        if call is None:
            return _UNKNOWN
        return _TOO_MANY if not call else self._take(said, key, id, call)

    def _take(self, said: dict[str, Any], key: str, id: str, call: dict[str, Any]) -> dict[str, Any]:
        from penstock.observe.opinions import Opinion, encoded

        at = int(self._gateway.clock.wall() * 1000)
        score, model = float(said["score"]), self._known(call["model"])
        opinion = Opinion(at, id, key, model, call["upstream"], score, str(said["label"]), str(said["comment"]))
        if self._opinions.of(key, id) is not None and not self._opinions.may_change(key, self._gateway.clock.now()):
            return _TOO_MANY
        first = self._opinions.add(opinion)
        log = self._opened()
        kept = log is None or log.append(encoded(opinion))
        if first:  # who says something twice is heard once
            self._count(model, score)
        return {"request_id": id, "model": model, "score": score, "label": opinion.label, "first": first, "kept": kept}

    def _known(self, model: str) -> str:
        """``model`` if it is a configured one; else it is whatever the caller wrote, and may not become a label."""
        for entry in self._gateway.edition.table.entries:
            if model == entry.label or (entry.new is not None and model == entry.new.label):
                return model
        return ""

    def _count(self, model: str, score: float) -> None:
        self._watching.tally.feedback(model, score)
        if self._gateway.observed is not None:
            self._gateway.observed.board.hear(model, score)
        hear(self._gateway.upstreams.trials, model, liked=score >= LIKED)

    async def _call(self, key: str, id: str) -> dict[str, Any] | None:
        """What is known of a call of ``key``; empty where it may not be looked for now, None where there is none."""
        for row in await self._gateway.fleet.calls(1, id):
            if row["key"] == key:
                return row
        diary = self._gateway.diary
        if diary is None:
            return None
        if not self._opinions.may_search(key, self._gateway.clock.now()):
            return {}
        found = await diary.answer({"id": id, "last": "1", **({"key": key} if key else {})})
        return next((row for row in found.get("rows", ()) if row["key"] == key), None)

    async def _catch_up(self) -> None:
        """Read what the log says anew."""
        log = self._opened()
        if log is None:
            return
        while True:
            try:
                rows = await log.read(self._position, BATCH)
            except Missed:
                self._position = ""
                self._opinions.clear()
                continue
            for position, stored in rows:
                self._opinions.load(stored)
                self._position = position
            if len(rows) < BATCH:
                return

    def _opened(self) -> Log | None:
        from penstock.observe.opinions import MOST_OPINIONS

        if self._log is None and self._gateway.store is not None:
            self._log = self._gateway.store.log(LOG, MOST_OPINIONS)
        return self._log


def hearing(watching: Watching) -> Hearing | None:
    """A Hearing if the observe slice is installed."""
    return Hearing(watching) if importlib.util.find_spec("penstock.observe") is not None else None
