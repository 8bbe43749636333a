"""Upstreams that tell when they compute: each request stands in prefill until the test lets it on.

Enters: chats, streams or whole. Leaves: ``arrived``, their last user texts in order; ``go(text)`` lets a request's
first event (or whole answer) out, ``end(text)`` the rest of a stream.
"""

import json
import socket
import threading
from collections import defaultdict

from tests.support.herd_upstream import chunk
from tests.support.scripted_upstream import EVENTS, JSON, Answer, Request

LONG = "You keep the mill. " + " ".join(f"Rule {number}: let no wheel turn dry." for number in range(200))


def chat(text: str, *, system: str = LONG, stream: bool = True, **more: object) -> dict[str, object]:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    return {"messages": messages, "model": "m", "stream": stream, **more}


class Prefilling:
    """A behaviour. ``cached``: tokens that its usage tells as cached, by text."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.failing: set[str] = set()
        self.cached: dict[str, int] = {}
        self.gone: list[str] = []
        self._lock = threading.Lock()
        self._events: defaultdict[tuple[str, str], threading.Event] = defaultdict(threading.Event)

    def _event(self, what: str, text: str) -> threading.Event:
        with self._lock:  # two threads that look for it at once must not each make one
            return self._events[what, text]

    def go(self, *texts: str) -> None:
        """Their prompts are computed."""
        for text in texts:
            self._event("go", text).set()

    def end(self, *texts: str) -> None:
        """Their answers are whole."""
        for text in texts:
            self._event("go", text).set()
            self._event("end", text).set()

    def __call__(self, connection: socket.socket, request: Request) -> None:
        asked = json.loads(request.body)
        text = asked["messages"][-1]["content"]
        self.arrived.append(text)
        assert self._event("go", text).wait(60), f"{text} was never let on"
        usage = {
            "prompt_tokens": 1000, "completion_tokens": 2, "total_tokens": 1002,
            "prompt_tokens_details": {"cached_tokens": self.cached.get(text, 0)},
        }  # fmt: skip
        if text in self.failing:
            failed = Answer(status=500, body=b'{"error":{"message":"broken"}}')
            connection.sendall(failed.head() + failed.body)
            return
        if not asked.get("stream"):
            message = {"role": "assistant", "content": text}
            said = {"id": "c", "object": "chat.completion", "created": 7, "model": "m", "usage": usage,
                    "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}  # fmt: skip
            whole = Answer(headers=(JSON,), body=json.dumps(said).encode())
            connection.sendall(whole.head() + whole.body)
            return
        facts = {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 7,
            "model": "m",
            "choices": [],
            "usage": usage,
        }
        last = b"data: " + json.dumps(facts).encode() + b"\n\ndata: [DONE]\n\n"
        connection.sendall(Answer(headers=(EVENTS,), chunks=()).head())
        self._send(connection, chunk(delta={"role": "assistant", "content": text}))
        assert self._event("end", text).wait(60), f"{text} was never ended"
        self._send(connection, chunk(finish_reason="stop") + last)
        connection.sendall(b"0\r\n\r\n")

    def _send(self, connection: socket.socket, event: bytes) -> None:
        connection.sendall(b"%x\r\n%b\r\n" % (len(event), event))
