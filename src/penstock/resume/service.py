"""``/v1/streams/{id}``: GET goes on where ``Last-Event-ID`` says, DELETE ends the stream. Here or at another worker.

Enters: an exchange whose key was found good. Leaves: a Reply with the events that follow. May fail: 404, 409, 410.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.core.call import Headers
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Source
from penstock.core.tasks import Crew
from penstock.resume.numbered import last_seen
from penstock.resume.stage import STREAM_FIELD
from penstock.resume.store import Ask, FarReader, fail_of
from penstock.resume.streams import Streams, owner_of, unknown

PATH = "/v1/streams/"


class Continuation:
    """See the module. ``ask(number)`` gives what asks that worker; None where there is no other."""

    def __init__(self, worker: int, streams: Streams, crew: Crew, ask: Callable[[int], Ask]) -> None:
        self._worker = worker
        self._streams = streams
        self._crew = crew
        self._ask = ask

    async def __call__(self, exchange: Exchange) -> Reply:
        """Answer the request."""
        call = exchange.call
        id = call.path.removeprefix(PATH)
        owner = owner_of(id)
        if owner is None:
            raise unknown(id)
        if call.method == "DELETE":
            await self._end(owner, id, exchange.key)
            return Reply(204, [], b"")
        after = last_seen(call.header(b"last-event-id"))
        headers: Headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (STREAM_FIELD, id.encode())]
        if call.method == "HEAD":
            raise CallerError("use GET", status=405, code="method_not_allowed", allow="GET, DELETE")
        body: Source
        if owner == self._worker:
            body = self._streams.find(id, exchange.key).reader(after)
            self._streams.resumed += 1
        else:
            body = FarReader(self._ask(owner), self._crew, id, exchange.key, after)
            await body.open()
        return Reply(200, headers, body, events=True)

    async def _end(self, owner: int, id: str, key: str) -> None:
        if owner == self._worker:
            self._streams.find(id, key).discard("ended by its caller")
            return
        told = await self._ask(owner)({"id": id, "key": key, "after": 0, "first": False, "end": True})
        if "failed" in told:
            raise fail_of(told["failed"])

    def __repr__(self) -> str:
        return f"<Continuation at {self._worker}>"
