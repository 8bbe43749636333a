"""A job passed on to a provider's own batch API: uploaded, made, watched, and its answers brought back into the log.

Enters: a job whose lines were checked. Leaves: outcomes in its log; what the provider did not do is left to be done.
Each step is on the disk before the next, and a batch that was made and not yet noted is found again by the job's id in
its metadata: it is never made twice. May fail: OSError; what the provider does wrong ends the delegation, not the job.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.core.call import Call, Headers, Operation
from penstock.core.errors import Fail, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.ports import Provider, RequestBody
from penstock.core.reply import collect
from penstock.jobs.asking.service import CLIENT, body_of
from penstock.jobs.delegation.lines import outcome_of, sent_line
from penstock.jobs.delegation.store import Saving
from penstock.jobs.job import Delegated, Job
from penstock.jobs.place.service import in_thread
from penstock.jobs.results.store import Log
from penstock.jobs.sending.store import DiskSource
from penstock.jobs.work.store import Input

log = logging.getLogger("penstock")

MOST_TOLD_BYTES = 4 * 2**20
CALL_SECONDS = 600.0
MOST_FAILURES = 5
"""In a row, before there is a batch."""
BOUNDARY = "penstock-batch-lines"
MARK = "penstock"
ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
CANCEL_SECONDS = 900.0
"""For a provider to end what it was told to."""


@dataclass(frozen=True, slots=True)
class Partner:
    """An upstream with a batch API. ``price``: dollars for a token in and out, there."""

    name: str
    provider: Provider
    model: str
    price: tuple[float, float]


class Delegation:
    """See the module. ``save`` writes down how far it is; ``stopped`` says that the job shall end, ``leaving`` that
    only this worker does: the provider goes on."""

    def __init__(
        self,
        job: Job,
        partner: Partner,
        lines: Input,
        kept: Log,
        folder: str,
        poll: float,
        *,
        now: Callable[[], float],
        next_id: Callable[[], str],
        save: Callable[[Delegated], Awaitable[None]],
        stopped: Callable[[], bool],
        leaving: Callable[[], bool],
    ) -> None:
        self._job = job
        self._partner = partner
        self._lines = lines
        self._log = kept
        self._path = os.path.join(folder, "partner")
        self._poll = poll
        self._now = now
        self._next_id = next_id
        self._save = save
        self._stopped = stopped
        self._leaving = leaving
        self.at = job.delegated or Delegated(partner.name, partner.model)

    async def run(self) -> None:
        """See the module."""
        if self._job.delegated is None:
            await self._save(self.at)
        failures = 0
        while not self.at.batch:
            if self._stopped():
                return
            try:
                await self._make()
            except Fail as fail:
                failures += 1
                log.warning("job %s cannot be passed on to %s: %s", self._job.id, self._partner.name, fail.loggable)
                if failures >= MOST_FAILURES or not fail.retryable:
                    await self._note(over=True)
                    return
                await asyncio.sleep(self._poll)
        told = await self._watch()
        if told is not None:
            await self._bring_back(told)
            await self._note(over=True)

    async def _note(self, **facts: Any) -> None:
        self.at = msgspec.structs.replace(self.at, **facts)
        await self._save(self.at)

    async def _make(self) -> None:
        """The next step towards a batch."""
        if not self.at.file:
            await in_thread(self._write)
            head = (
                f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--{BOUNDARY}\r\n'
                'Content-Disposition: form-data; name="file"; filename="batch.jsonl"\r\n'
                "Content-Type: application/jsonl\r\n\r\n"
            ).encode()
            kind = f"multipart/form-data; boundary={BOUNDARY}".encode()
            body = DiskSource(self._path, head, f"\r\n--{BOUNDARY}--\r\n".encode())
            told = await self._ask("POST", "/files", body, [(b"content-type", kind)])
            await self._note(file=str(told.get("id") or ""))
            os.unlink(self._path)
            return
        batch = await self._found()
        if not batch:
            wanted = {
                "input_file_id": self.at.file, "endpoint": self._job.endpoint, "completion_window": "24h",
                "metadata": {MARK: self._job.id},
            }  # fmt: skip
            fields = [(b"content-type", b"application/json"), (b"idempotency-key", self._job.id.encode())]
            told = await self._ask("POST", "/batches", body_of(msgspec.json.encode(wanted)), fields)
            batch = str(told.get("id") or "")
            if not batch:
                raise UpstreamError("the provider made a batch without an id", retryable=False)
        await self._note(batch=batch)

    def _write(self) -> None:
        """The lines as the provider gets them."""
        with open(self._path, "wb") as file:
            for n in range(len(self._lines)):
                line = self._lines.line(n, self._job.endpoint)
                file.write(sent_line(line, n, self._job.endpoint, self._partner.model))

    async def _found(self) -> str:
        """The id of a batch of this job that was made before, and not noted."""
        told = await self._ask("GET", "/batches", body_of(b""), [], b"limit=100")
        for one in told.get("data") or ():
            if isinstance(one, dict) and (one.get("metadata") or {}).get(MARK) == self._job.id:
                return str(one["id"])
        return ""

    async def _watch(self) -> dict[str, Any] | None:
        """Wait for its end. None when the worker stops first, or the provider does not end what it was told to."""
        cancelled_at = 0.0
        asked_at = float("-inf")
        while True:
            now = self._now()
            if self._leaving():
                return None
            if self._stopped() and not cancelled_at:
                cancelled_at, asked_at = now, float("-inf")
                await self._quietly("POST", f"/batches/{self.at.batch}/cancel")
            if cancelled_at and now > cancelled_at + CANCEL_SECONDS:
                return None
            if now >= asked_at + (min(self._poll, 2.0) if cancelled_at else self._poll):
                asked_at = now
                told = await self._quietly("GET", f"/batches/{self.at.batch}")
                if told is not None and told.get("status") in ENDED:
                    return told
            await asyncio.sleep(min(self._poll, 0.5))

    async def _quietly(self, method: str, path: str) -> dict[str, Any] | None:
        try:
            return await self._ask(method, path, body_of(b""), [])
        except Fail as fail:
            log.warning("job %s: %s %s at %s: %s", self._job.id, method, path, self._partner.name, fail.loggable)
            return None

    async def _bring_back(self, told: dict[str, Any]) -> None:
        """Keep what was answered."""
        for field in ("output_file_id", "error_file_id"):
            id = told.get(field)
            if not isinstance(id, str) or not id:
                continue
            for tried in range(MOST_FAILURES):
                try:
                    await self._fetch(id)
                    break
                except Fail as fail:
                    log.warning("job %s: file %s of %s: %s", self._job.id, id, self._partner.name, fail.loggable)
                    await asyncio.sleep(min(self._poll, 2.0**tried))
            else:  # its answers are paid for: they are not asked anew, but fetched later
                raise OSError(f"the answers of batch {self.at.batch} at {self._partner.name} cannot be fetched")
            await in_thread(self._read)

    async def _fetch(self, id: str) -> None:
        exchange = self._exchange("GET", f"/files/{id}/content", body_of(b""), [], b"")
        try:
            reply = await self._partner.provider.send(exchange, "")
            if reply.status != 200:
                raise UpstreamError(f"it was answered with status {reply.status}")
            await Saving(self._path).save(reply.body)
        finally:
            exchange.finish("ok", self._now())

    def _read(self) -> None:
        """The answers in a fetched file go into the log, some thousand together."""
        names = [self._lines.line(n, self._job.endpoint).custom_id for n in range(len(self._lines))]
        batch = []
        with open(self._path, "rb") as file:
            for told in file:
                outcome = outcome_of(told, len(names), names, self._partner.name, self._partner.price)
                if outcome is not None:
                    batch.append(outcome)
                if len(batch) >= 1000:
                    self._log.append(batch)
                    batch = []
        self._log.append(batch)
        os.unlink(self._path)

    def _exchange(self, method: str, path: str, body: RequestBody, fields: Headers, query: bytes) -> Exchange:
        operation = Operation("batch", "openai", path, "opaque", needs_model=False, methods=(method,))
        call = Call(operation, method, f"/v1{path}", query, fields, CLIENT)
        now = self._now()
        exchange = Exchange(self._next_id(), call, now, now + CALL_SECONDS, body)
        exchange.key = exchange.scope = self._job.key
        return exchange

    async def _ask(
        self, method: str, path: str, body: RequestBody, fields: Headers, query: bytes = b""
    ) -> dict[str, Any]:
        """Its answer. Raises Fail, also for an error status."""
        exchange = self._exchange(method, path, body, fields, query)
        try:
            reply = await self._partner.provider.send(exchange, "")
            whole = await collect(reply.body, MOST_TOLD_BYTES)
        except OverflowError:
            raise UpstreamError(f"{method} {path} was answered with too much") from None
        finally:
            exchange.finish("ok", self._now())
        if reply.status >= 300:
            retryable = reply.status >= 500 or reply.status in (408, 409, 429)
            raise UpstreamError(f"{method} {path} was answered with status {reply.status}", retryable=retryable)
        try:
            return msgspec.json.decode(whole, type=dict[str, Any])
        except (ValueError, RecursionError):
            raise UpstreamError(f"{method} {path} was answered with something else than JSON") from None

    def __repr__(self) -> str:
        return f"<Delegation {self._job.id} to {self._partner.name}, batch {self.at.batch or 'not made'}>"
