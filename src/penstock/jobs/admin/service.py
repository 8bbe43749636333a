"""``GET /admin/v1/jobs``: every key's jobs, the newest first. Any worker can answer: they are read from disk.

Enters: an admin's request. Leaves: JSON. May fail: CallerError for a wrong query, OSError.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.jobs.answers.listing import Asked, asked, page
from penstock.jobs.job import ENDED
from penstock.jobs.place.service import in_thread
from penstock.jobs.service import Jobs
from penstock.jobs.told import admin_row


class Admin:
    """See the module."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def all(self, exchange: Exchange) -> Reply:
        """``?limit=N&after=ID``."""
        rows, more = await in_thread(self._rows, asked(exchange.call.query, 100, 1000))
        body = msgspec.json.encode({"jobs": rows, "has_more": more})
        return Reply(200, [(b"content-type", b"application/json")], body + b"\n")

    def _rows(self, wanted: Asked) -> tuple[list[dict[str, Any]], bool]:
        shelf = self._jobs.desk.shelf
        jobs = {job.id: job for job in sorted(shelf.all_jobs(set()), key=lambda job: job.created)}
        some, more = page(list(jobs), wanted)
        rows = [admin_row(jobs[id], shelf.counts(jobs[id])) for id in some]
        for row in rows:
            row["here"] = row["id"] in self._jobs.works
            if row["status"] not in ENDED and (work := self._jobs.works.get(row["id"])) is not None:
                row["paused"] = work.pace.paused
        return rows, more
