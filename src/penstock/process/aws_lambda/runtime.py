"""The loop of a Lambda sandbox: take an invocation, put it to the gateway, give the answer back, take the next.

Enters: the address of the runtime API, the port of the gateway in this sandbox. Leaves: each answer, streamed where its
caller came by a function URL. Source: AWS, "Lambda runtime API" and "response streaming for custom runtimes". What one
invocation fails with is told to Lambda as that invocation's error; only a runtime API that is gone ends the loop.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import h11

from penstock.process.aws_lambda.connection import Connection
from penstock.process.aws_lambda.events import (
    STREAM_TYPE,
    Asked,
    Fields,
    UnknownEvent,
    answer,
    asked,
    prelude,
    refusal,
    traceparent,
)

log = logging.getLogger("penstock")

PATH = "/2018-06-01/runtime"
SPARE_SECONDS = 0.5
"""Of its time-out: the gateway ends before, so that it is the gateway that says why."""
LAST_SECONDS = 0.2
"""Of its time-out: what still runs then is ended by us, before Lambda takes the sandbox away."""
DEADLINE = "x-penstock-deadline-ms"
TROUBLE = "lambda-runtime-function-error-type"
TROUBLE_BODY = "lambda-runtime-function-error-body"


class Runtime:
    """See the module. ``streams``: whether callers of the function URL get streams (its invoke mode is
    RESPONSE_STREAM)."""

    def __init__(self, api: str, port: int, *, streams: bool = True, wall: Callable[[], float] = time.time) -> None:
        host, _, at = api.rpartition(":")
        self._api = (host or api, int(at) if host else 80)
        self._host = api
        self._port = port
        self._streams = streams
        self._wall = wall
        self.invocations = 0

    async def run(self) -> None:
        """Invocation after invocation. Raises OSError when the runtime API is gone."""
        connection = await Connection.open(*self._api)
        try:
            while True:
                await connection.ask("GET", f"{PATH}/invocation/next", self._host, [])
                status, fields = await connection.head()
                event = await connection.body()
                if status != 200:
                    raise ConnectionError(f"the runtime API answered {status} to invocation/next: {event[:200]!r}")
                self.invocations += 1
                await self._invoked(dict(fields), event)
                if not connection.again():
                    connection.close()
                    connection = await Connection.open(*self._api)
        finally:
            connection.close()

    async def failed_to_start(self, message: str) -> None:
        """Tell Lambda why there will be no invocation."""
        await self._post(f"{PATH}/init/error", _trouble("Penstock.CannotStart", message), "Penstock.CannotStart")

    async def _invoked(self, fields: dict[str, str], event: bytes) -> None:
        identity = fields["lambda-runtime-aws-request-id"]
        remaining = int(fields.get("lambda-runtime-deadline-ms", "0")) / 1000 - self._wall()
        try:
            call = asked(json.loads(event))
        except (UnknownEvent, ValueError) as error:
            log.error("invocation %s: %s", identity, error)
            where = f"{PATH}/invocation/{identity}/error"
            await self._post(where, _trouble("Penstock.UnknownEvent", str(error)), "Penstock.UnknownEvent")
            return
        passed = _passed(call.fields, fields.get("lambda-runtime-trace-id"), remaining)
        respond = _Respond(self, f"{PATH}/invocation/{identity}/response", call)
        try:
            async with asyncio.timeout(max(0.1, remaining - LAST_SECONDS)):
                await self._forward(call, passed, respond)
        except (h11.LocalProtocolError, UnicodeEncodeError) as error:  # a caller chooses what stands in its fields
            await respond.refuse(400, "bad_request", f"this request cannot be written as HTTP: {error}")
        except TimeoutError:
            await respond.refuse(
                504, "deadline_exceeded", "the function's time-out has come; raise it, or ask for less"
            )
        except OSError as error:
            await respond.refuse(502, "gateway_failed", f"the gateway in the sandbox did not answer: {error}")
        finally:
            respond.close()

    async def _forward(self, call: Asked, fields: Fields, respond: _Respond) -> None:
        gateway = await Connection.open("127.0.0.1", self._port)
        try:
            await gateway.ask(call.method, call.target, call.host, fields, call.body)
            status, told = await gateway.head()
            if call.form == "url" and self._streams:
                await respond.stream(status, told, gateway)
            else:
                await respond.whole(status, told, await gateway.body())
        finally:
            gateway.close()

    async def _post(self, target: str, body: bytes, trouble: str = "") -> None:
        connection = await Connection.open(*self._api)
        try:
            fields = [("content-type", "application/json"), *([(TROUBLE, trouble)] if trouble else [])]
            await connection.ask("POST", target, self._host, fields, body)
            await _accepted(connection)
        finally:
            connection.close()

    def __repr__(self) -> str:
        return f"<Runtime {self.invocations} invocations>"


class _Respond:
    """The answer to one invocation: whole, or streamed; once one has begun, there is no other."""

    def __init__(self, runtime: Runtime, target: str, call: Asked) -> None:
        self._runtime = runtime
        self._target = target
        self._call = call
        self._streaming: Connection | None = None
        self._begun = False

    async def whole(self, status: int, fields: Fields, body: bytes) -> None:
        self._begun = True
        await self._runtime._post(self._target, answer(self._call, status, fields, body))

    async def stream(self, status: int, fields: Fields, gateway: Connection) -> None:
        to = self._streaming = await Connection.open(*self._runtime._api)
        self._begun = True
        await to.begin(self._target, self._runtime._host, [
            ("content-type", STREAM_TYPE), ("lambda-runtime-function-response-mode", "streaming"),
            ("trailer", f"{TROUBLE}, {TROUBLE_BODY}"),
        ])  # fmt: skip
        await to.push(prelude(status, fields))
        while data := await gateway.piece():
            await to.push(data)
        await to.end()
        await _accepted(to)

    async def refuse(self, status: int, code: str, message: str) -> None:
        """Answer with an error; where a stream has begun, end it with one."""
        log.error("%s %s: %s", self._call.method, self._call.target.partition("?")[0][:200], message)
        if self._streaming is not None:
            told = base64.b64encode(_trouble(f"Penstock.{code}", message)).decode()
            await self._streaming.end([(TROUBLE, f"Penstock.{code}"), (TROUBLE_BODY, told)])
            await _accepted(self._streaming)
        elif not self._begun:
            await self.whole(status, *refusal(code, message))

    def close(self) -> None:
        if self._streaming is not None:
            self._streaming.close()


async def _accepted(connection: Connection) -> None:
    status, _ = await connection.head()
    told = await connection.body()
    if status >= 300:  # 413: larger than Lambda takes; it has answered its caller itself
        log.error("the runtime API answered %d: %r", status, told[:200])


def _trouble(kind: str, message: str) -> bytes:
    told: dict[str, Any] = {"errorType": kind, "errorMessage": message, "stackTrace": []}
    return json.dumps(told).encode()


def _passed(fields: Fields, trace: str | None, remaining: float) -> Fields:
    """``fields``, with what tells the gateway how long it has, and which trace this belongs to."""
    left = max(1, int((remaining - SPARE_SECONDS) * 1000))
    kept = [(name, value) for name, value in fields if not (name == DEADLINE and _more(value, left))]
    names = {name for name, _ in kept}
    if DEADLINE not in names:
        kept.append((DEADLINE, str(left)))
    parent = traceparent(trace)
    if parent is not None and "traceparent" not in names:
        kept.append(("traceparent", parent))
    return kept


def _more(value: str, left: int) -> bool:
    """Whether a caller allows more than there is. What is no number the gateway refuses."""
    return value.isascii() and value.isdigit() and (len(value) > 9 or int(value) > left)
