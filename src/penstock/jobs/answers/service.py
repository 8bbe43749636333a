"""What callers ask of files and jobs: made, listed, read, cancelled, deleted; each key's own only.

Enters: an exchange, and what it asks for. Leaves: a Reply; None for what is another's, which passes on. May fail:
CallerError, GatewayError, OSError.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from penstock.core.call import Headers
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.jobs.answers.listing import Asked, asked, page
from penstock.jobs.answers.requests import lines_of
from penstock.jobs.asking.service import body_of
from penstock.jobs.job import BATCH, ENDED, MESSAGES, Job, asked_batch, is_file, is_job, job_of, new_id
from penstock.jobs.place.service import in_thread
from penstock.jobs.receiving.service import Receiving
from penstock.jobs.sending.store import DiskSource
from penstock.jobs.service import Jobs
from penstock.jobs.store import INPUT, Shelf
from penstock.jobs.told import batch_object, file_object, message_batch_object

MOST_BODY_BYTES = 64 * 1024
_JSON: Headers = [(b"content-type", b"application/json")]


class Answers:
    """See the module."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._desk = jobs.desk
        self._do: dict[tuple[str, str, bool, str], Callable[[Exchange, str], Awaitable[Reply | None]]] = {
            ("files", "POST", False, ""): self._upload,
            ("files", "GET", False, ""): self._list_files,
            ("files", "GET", True, ""): self._file,
            ("files", "GET", True, "content"): self._content,
            ("files", "DELETE", True, ""): self._delete_file,
            ("batches", "POST", False, ""): self._create,
            ("batches", "GET", False, ""): self._list_jobs,
            ("batches", "GET", True, ""): self._job,
            ("batches", "POST", True, "cancel"): self._cancel,
            ("messages", "POST", False, ""): self._create_messages,
            ("messages", "GET", False, ""): self._list_messages,
            ("messages", "GET", True, ""): self._job,
            ("messages", "POST", True, "cancel"): self._cancel,
            ("messages", "GET", True, "results"): self._results,
            ("messages", "DELETE", True, ""): self._delete_job,
        }

    @property
    def _shelf(self) -> Shelf:
        return self._desk.shelf

    async def answer(self, exchange: Exchange, kind: str, method: str, id: str, verb: str) -> Reply | None:
        """See the module."""
        if id and not (is_file(id) if kind == "files" else is_job(id)):
            return None
        do = self._do.get((kind, method, bool(id), verb))
        if do is None:
            if not id:
                return None
            raise CallerError(
                f"{method} is not offered at {exchange.call.path}", status=405, code="method_not_allowed", allow="GET"
            )
        return await do(exchange, id)

    # ---- files

    async def _upload(self, exchange: Exchange, id: str) -> Reply | None:
        desk = self._desk
        file = await Receiving(desk.shelf, desk.config, desk.account, desk.wall).receive(exchange)
        return None if file is None else _json(file_object(file))

    async def _list_files(self, exchange: Exchange, id: str) -> Reply | None:
        wanted = asked(exchange.call.query, 10_000, 10_000)
        if (wanted.after and not is_file(wanted.after)) or wanted.purpose not in ("", "batch", "batch_output"):
            return None
        found, more = await in_thread(self._page_of_files, exchange.scope, wanted)
        return _json(_listed(found, more))

    def _page_of_files(self, key: str, wanted: Asked) -> tuple[list[dict[str, Any]], bool]:
        shelf, wall = self._shelf, self._desk.wall()
        ids = shelf.files(key)
        found: list[dict[str, Any]] = []
        while True:
            some, more = page(ids, wanted)
            for one in some:
                try:
                    file = shelf.file(key, one, wall)
                except CallerError:
                    continue  # it went while we looked
                if wanted.purpose in ("", file.purpose):
                    found.append(file_object(file))
            if not more or len(found) >= wanted.limit:
                return found[: wanted.limit], more or len(found) > wanted.limit
            wanted = wanted._replace(after=some[-1])

    async def _file(self, exchange: Exchange, id: str) -> Reply:
        return _json(file_object(await in_thread(self._shelf.file, exchange.scope, id, self._desk.wall())))

    async def _content(self, exchange: Exchange, id: str) -> Reply:
        file = await in_thread(self._shelf.file, exchange.scope, id, self._desk.wall())
        return _sent(exchange, self._shelf.data_path(exchange.scope, file.id), b"application/octet-stream")

    async def _delete_file(self, exchange: Exchange, id: str) -> Reply:
        await in_thread(self._shelf.file, exchange.scope, id, self._desk.wall())
        await in_thread(self._shelf.delete_file, exchange.scope, id)
        return _json({"id": id, "object": "file", "deleted": True})

    # ---- jobs

    async def _create(self, exchange: Exchange, id: str) -> Reply | None:
        body = await exchange.body.read(MOST_BODY_BYTES)
        wanted = asked_batch(body)
        if not is_file(wanted.input_file_id):
            exchange.body = body_of(body)  # another's file: so is the job
            return None
        desk, wall = self._desk, self._desk.wall()
        file = await in_thread(self._shelf.file, exchange.scope, wanted.input_file_id, wall)
        if file.purpose != "batch":
            raise CallerError("the file's purpose is not batch", code="invalid_file", param="input_file_id")
        job = job_of(wanted, new_id(BATCH, wall, secrets.token_bytes(8)), exchange.scope, wall, desk.config.longest)
        job = job.changed(weight=exchange.weight)
        await in_thread(self._keep, job, None)
        self._jobs.wake()
        return self._told(job)

    async def _create_messages(self, exchange: Exchange, id: str) -> Reply:
        desk, wall = self._desk, self._desk.wall()
        taken = 0

        def take(size: int) -> bool:
            nonlocal taken
            if not desk.account.reserve(size):
                return False
            taken += size
            return True

        exchange.defer(lambda _: desk.account.release(taken))
        body = await exchange.body.read(min(desk.config.max_file, desk.config.memory // 2), take)
        lines = await in_thread(lines_of, body)
        job = Job(
            new_id(MESSAGES, wall, secrets.token_bytes(8)), exchange.scope, "/v1/messages", "", "24h", wall,
            wall + min(86400.0, desk.config.longest), weight=exchange.weight, total=len(lines),
        )  # fmt: skip
        await in_thread(self._keep, job, b"\n".join(lines))
        self._jobs.wake()
        return self._told(job)

    def _keep(self, job: Job, data: bytes | None) -> None:
        """Make it, with its own input or a file's. Raises CallerError 429 when its key has too many."""
        shelf = self._shelf
        running = [one for one in shelf.jobs(job.key) if one not in self._jobs.ended]
        if len(running) >= self._desk.config.open:
            still = [one for one in running if shelf.job(job.key, one).status not in ENDED]
            if len(still) >= self._desk.config.open:
                raise CallerError(
                    f"{len(still)} jobs of this key have not ended (jobs.open); more must wait for one of them",
                    status=429, code="too_many_jobs", retryable=True, retry_after=30,
                )  # fmt: skip
        draft = shelf.draft()
        try:
            if data is not None:
                shelf.check_room(len(data))
                draft.write(INPUT, data)
            shelf.keep_job(draft, job)
        except FileNotFoundError:
            raise CallerError(
                f"there is no file '{job.input_file}'", status=404, code="file_not_found", param="input_file_id"
            ) from None
        finally:
            draft.drop()

    async def _job(self, exchange: Exchange, id: str) -> Reply:
        return self._told(await in_thread(self._shelf.job, exchange.scope, id))

    def _told(self, job: Job) -> Reply:
        """In the words of whoever asked for it."""
        work = self._jobs.works.get(job.id)
        counts = work.sums if work is not None and work.sums is not None else self._shelf.counts(job)
        return _json(message_batch_object(job, counts) if job.anthropic else batch_object(job, counts))

    async def _list_jobs(self, exchange: Exchange, id: str) -> Reply | None:
        wanted = asked(exchange.call.query, 20, 100)
        if wanted.after and not is_job(wanted.after):
            return None
        found, more = await in_thread(self._page_of_jobs, exchange.scope, wanted, BATCH)
        return _json(_listed([batch_object(job, self._shelf.counts(job)) for job in found], more))

    async def _list_messages(self, exchange: Exchange, id: str) -> Reply | None:
        wanted = asked(exchange.call.query, 20, 1000)
        if wanted.after and not is_job(wanted.after):
            return None
        found, more = await in_thread(self._page_of_jobs, exchange.scope, wanted, MESSAGES)
        rows = [message_batch_object(job, self._shelf.counts(job)) for job in found]
        first, last = (rows[0]["id"], rows[-1]["id"]) if rows else (None, None)
        return _json({"data": rows, "has_more": more, "first_id": first, "last_id": last})

    def _page_of_jobs(self, key: str, wanted: Asked, prefix: str) -> tuple[list[Job], bool]:
        some, more = page([one for one in self._shelf.jobs(key) if one.startswith(prefix)], wanted)
        found: list[Job] = []
        for one in some:
            try:
                found.append(self._shelf.job(key, one))
            except CallerError:
                continue
        return found, more

    async def _cancel(self, exchange: Exchange, id: str) -> Reply:
        job = await in_thread(self._shelf.job, exchange.scope, id)
        if job.status in ENDED and not job.anthropic:
            raise CallerError(
                f"the batch has ended already: it is {job.status}", status=409, code="batch_ended", param="batch_id"
            )
        if job.status not in ENDED:
            await in_thread(self._shelf.cancel, job, self._desk.wall())
            job = await in_thread(self._shelf.job, exchange.scope, id)
            self._jobs.wake()
        return self._told(job)

    async def _results(self, exchange: Exchange, id: str) -> Reply:
        job = await in_thread(self._shelf.job, exchange.scope, id)
        if not job.output_file:
            raise CallerError(f"batch '{id}' has no results yet", status=404, code="not_found")
        await in_thread(self._shelf.file, exchange.scope, job.output_file, self._desk.wall())
        return _sent(exchange, self._shelf.data_path(job.key, job.output_file), b"application/x-jsonl")

    async def _delete_job(self, exchange: Exchange, id: str) -> Reply:
        job = await in_thread(self._shelf.job, exchange.scope, id)
        if job.status not in ENDED:
            raise CallerError(f"batch '{id}' has not ended; cancel it first", code="invalid_request")
        if job.output_file:
            await in_thread(self._shelf.delete_file, job.key, job.output_file)
        await in_thread(self._shelf.delete_job, job)
        return _json({"id": id, "type": "message_batch_deleted"})

    def __repr__(self) -> str:
        return f"<Answers {self._shelf!r}>"


def _listed(rows: list[dict[str, Any]], more: bool) -> dict[str, Any]:
    first, last = (rows[0]["id"], rows[-1]["id"]) if rows else (None, None)
    return {"object": "list", "data": rows, "first_id": first, "last_id": last, "has_more": more}


def _sent(exchange: Exchange, path: str, kind: bytes) -> Reply:
    source = DiskSource(path)
    exchange.defer(lambda _: source.cancel("over"))  # also if it was never begun
    reply = Reply(200, [(b"content-type", kind)], source)
    reply.length = source.length
    return reply


def _json(value: Any) -> Reply:
    return Reply(200, list(_JSON), msgspec.json.encode(value) + b"\n")
