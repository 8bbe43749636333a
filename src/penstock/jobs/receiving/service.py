"""An upload while it arrives: ours goes to disk piece by piece, another's goes on to its upstream as it came.

Enters: an exchange whose body is a form. Leaves: a StoredFile; or None, and ``exchange.body`` is then what arrived, to
be read again. May fail: 400, 413, 503 (no memory), 507 (no disk), and then nothing of it is kept.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator

from penstock.core.errors import CallerError, Fail, GatewayError
from penstock.core.exchange import Exchange
from penstock.core.ports import Account, RequestBody
from penstock.core.reply import Sink, Void
from penstock.jobs.config import JobsConfig
from penstock.jobs.form import Field, Form, Piece, boundary_of
from penstock.jobs.job import FILE, StoredFile, kept_for, new_id
from penstock.jobs.place.service import in_thread
from penstock.jobs.place.store import Draft
from penstock.jobs.sending.store import DiskSource
from penstock.jobs.store import DATA, Shelf

PURPOSE = "batch"
LOOKED_AT_BYTES = 128 * 1024
"""In which the field ``purpose`` is looked for before the rest goes to disk undecided."""
HELD_BYTES = 1024 * 1024
"""Of a body that waits for the disk."""
RAW = "raw"


class Intake:
    """Takes a body in. Either ``next`` is asked for what arrived, or, as long as it is ``keeping`` all, it is handed on
    as a RequestBody of its own."""

    complete: bytes | None = None
    early = b""

    def __init__(self, body: RequestBody) -> None:
        self._body = body
        self.length = body.length
        self.keeping = True
        self._kept: list[bytes] = []
        self._new: list[bytes] = []
        self._size = 0
        self._out: Sink | None = None
        self._paused = False
        self._flushing = False
        self._ended = False
        self._error: Fail | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def read(self, limit: int, take: Callable[[int], bool] | None = None) -> bytes:
        """Nobody reads a form whole."""
        raise AssertionError("a form is streamed")

    async def next(self) -> bytes:
        """What has arrived since; nothing when it has ended. Raises what the body failed with."""
        if not self._new and not self._ended:
            self._body.resume()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._error is not None:
            raise self._error
        taken, self._new = b"".join(self._new), []
        self._size = 0
        if self.keeping and taken:
            self._kept.append(taken)
        return taken

    def begin(self) -> None:
        """Let it come."""
        self._body.start(self)

    def taken(self) -> list[bytes]:
        """What was kept so far, which is kept no longer."""
        kept, self._kept = self._kept, []
        return kept

    # ---- as a Sink

    def push(self, frame: bytes) -> None:
        if self._out is not None:
            self._out.push(frame)
            return
        self._new.append(frame)
        self._size += len(frame)
        if self._size >= HELD_BYTES:
            self._body.pause()
        self._wake()

    def end(self, error: Fail | None) -> None:
        self._ended = True
        self._error = error
        if self._out is not None:
            self._flush()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ---- as a Source

    def start(self, sink: Sink) -> None:
        if self._out is None:
            self._kept += self._new
            self._new = []
            self._body.pause()
            self._out = sink
            self._flush()

    def pause(self) -> None:
        self._paused = True
        if self._out is not None:
            self._body.pause()

    def resume(self) -> None:
        self._paused = False
        if self._out is not None:
            self._flush()

    def cancel(self, reason: str) -> None:
        self._out = Void()
        self._kept.clear()
        self._body.cancel(reason)

    def _flush(self) -> None:
        if self._flushing:
            return  # resumed by whoever takes a piece: the loop below goes on
        self._flushing = True
        while self._kept and not self._paused:
            assert self._out is not None
            self._out.push(self._kept.pop(0))
        self._flushing = False
        if self._paused or self._kept or self._out is None:
            return
        if self._ended:
            out, self._out = self._out, Void()
            out.end(self._error)
        else:
            self._body.resume()

    def __repr__(self) -> str:
        return f"<Intake {'handed on' if self._out is not None else 'ended' if self._ended else 'arriving'}>"


class Receiving:
    """See the module."""

    def __init__(self, shelf: Shelf, config: JobsConfig, account: Account, wall: Callable[[], float]) -> None:
        self._shelf = shelf
        self._config = config
        self._account = account
        self._wall = wall

    async def receive(self, exchange: Exchange) -> StoredFile | None:
        """See the module."""
        form = Form(boundary_of(exchange.call.header(b"content-type") or b""))
        if not self._account.reserve(2 * HELD_BYTES):
            raise GatewayError(
                "the gateway takes in as many files as it may (jobs.memory); try again shortly",
                code="gateway_overloaded", retry_after=1,
            )  # fmt: skip
        exchange.defer(lambda _: self._account.release(2 * HELD_BYTES))
        intake = Intake(exchange.body)
        intake.begin()
        return await self._take(exchange, intake, form)

    async def _take(self, exchange: Exchange, intake: Intake, form: Form) -> StoredFile | None:
        fields: dict[str, str] = {}
        pieces: list[bytes] = []
        seen = 0
        while "purpose" not in fields and seen < LOOKED_AT_BYTES:
            chunk = await intake.next()
            if not chunk:
                raise _missing("purpose") if form.ended else _cut()
            seen += len(chunk)
            pieces += _sorted(form.feed(chunk), fields)
        if fields.get("purpose", PURPOSE) != PURPOSE:
            exchange.body = intake
            return None
        intake.keeping = False
        draft = await in_thread(self._shelf.draft)
        kept = False
        try:
            if "purpose" in fields:
                size = await self._rest(intake, form, fields, draft, pieces)
            else:
                found = await self._undecided(exchange, intake, form, fields, draft)
                if found is None:
                    kept = True  # until the exchange ends
                    return None
                size = found
            file = self._file(exchange.scope, fields, size)
            await in_thread(self._shelf.keep_file, draft, file)
            kept = True
            return file
        finally:
            if not kept:
                draft.drop()

    async def _rest(self, intake: Intake, form: Form, fields: dict[str, str], draft: Draft, pieces: list[bytes]) -> int:
        """Write the file while it comes; its size."""
        size = 0
        while True:
            data = b"".join(pieces)
            size += len(data)
            self._check(size)
            await in_thread(draft.write, DATA, data)
            chunk = await intake.next()
            if not chunk:
                break
            pieces = _sorted(form.feed(chunk), fields)
        if not form.ended:
            raise _cut()
        return size

    async def _undecided(
        self, exchange: Exchange, intake: Intake, form: Form, fields: dict[str, str], draft: Draft
    ) -> int | None:
        """The file stands before the field that says what it is for: all goes to disk until that is known."""
        chunk = b"".join(intake.taken())
        size = 0
        while chunk:
            size += len(chunk)
            self._check(size)
            await in_thread(draft.write, RAW, chunk)
            chunk = await intake.next()
            _sorted(form.feed(chunk), fields)
        if not form.ended:
            raise _cut()
        if "purpose" not in fields:
            raise _missing("purpose")
        raw = os.path.join(draft.path, RAW)
        if fields["purpose"] != PURPOSE:
            exchange.body = DiskSource(raw)
            exchange.defer(lambda _: draft.drop())
            return None
        form = Form(boundary_of(exchange.call.header(b"content-type") or b""))
        return await in_thread(_taken_out, form, raw, draft)

    def _check(self, size: int) -> None:
        if size > self._config.max_file + LOOKED_AT_BYTES:
            raise CallerError(
                f"the file is larger than {self._config.max_file} bytes (jobs.max_file)",
                status=413, code="file_too_large",
            )  # fmt: skip
        self._shelf.check_room(size)

    def _file(self, key: str, fields: dict[str, str], size: int) -> StoredFile:
        if "file" not in fields:
            raise _missing("file")
        self._check(size + LOOKED_AT_BYTES)
        wall = self._wall()
        keep = self._config.keep
        if "expires_after[seconds]" in fields:
            keep = kept_for(fields.get("expires_after[anchor]"), fields["expires_after[seconds]"])
        id = new_id(FILE, wall, secrets.token_bytes(8))
        return StoredFile(id, key, fields["file"][:255] or "file", PURPOSE, size, wall, wall + keep)


def _sorted(events: Iterator[Field | Piece], fields: dict[str, str]) -> list[bytes]:
    """Plain fields go into ``fields``, with the file's name as ``file``; its bytes are returned."""
    pieces: list[bytes] = []
    for event in events:
        if isinstance(event, Piece):
            pieces.append(event.data)
        else:
            fields[event.name] = event.value if event.filename is None else event.filename
    return pieces


def _taken_out(form: Form, raw: str, draft: Draft) -> int:
    """The file in a form that lies on disk."""
    size = 0
    with open(raw, "rb") as file:
        while chunk := file.read(HELD_BYTES):
            data = b"".join(_sorted(form.feed(chunk), {}))
            size += len(data)
            draft.write(DATA, data)
    os.unlink(raw)
    draft.write(DATA, b"")
    return size


def _missing(name: str) -> CallerError:
    return CallerError(f"the form has no field {name!r}", code="missing_required_parameter", param=name)


def _cut() -> CallerError:
    return CallerError("the form ended before its last boundary", code="invalid_form")
