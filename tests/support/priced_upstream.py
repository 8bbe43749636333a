"""An upstream on a real socket that tells what each call used, so that a test knows what they must have cost in all.

Chats use 100 tokens and give 10 of them, 40 of the prompt cached; embeddings use 7 an item. A chat that says ``broken``
is answered 500, one that says ``endless`` streams until its caller leaves and tells nothing.
"""

from __future__ import annotations

import json
import socket
import threading
import time

from tests.support.scripted_upstream import EVENTS, Answer, Gone, Request, ScriptedUpstream

CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 40}}


class PricedUpstream(ScriptedUpstream):
    """``chats`` and ``items`` are those whose usage was told; each call takes ``seconds``."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.chats = self.items = 0
        self.seconds = seconds
        self._counting = threading.Lock()
        self._endless = Gone()
        self.answers[CHAT] = self._chat
        self.answers["/v1/embeddings"] = self._embed

    def _chat(self, connection: socket.socket, request: Request) -> None:
        body = json.loads(request.body)
        said = body["messages"][-1]["content"]
        if "endless" in said:
            self._endless(connection, request)
            return
        time.sleep(self.seconds)
        if "broken" in said:
            connection.sendall(
                Answer(500, body=b'{"error": {"message": "broken"}}').head() + b'{"error": {"message": "broken"}}'
            )
            return
        with self._counting:
            self.chats += 1
        self._tell(connection, body, f"you said {said}")

    def _tell(self, connection: socket.socket, body: dict[str, object], text: str) -> None:
        start = {"id": "c1", "created": 1, "model": body["model"]}
        if not body.get("stream"):
            message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            whole = json.dumps({**start, "object": "chat.completion", "choices": [message], "usage": USAGE}).encode()
            connection.sendall(Answer(body=whole).head() + whole)
            return
        chunks = [
            {
                **start,
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": delta, "finish_reason": why}],
            }
            for delta, why in (({"role": "assistant", "content": text}, None), ({}, "stop"))
        ]
        chunks.append({**start, "object": "chat.completion.chunk", "choices": [], "usage": USAGE})
        events = [b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks] + [b"data: [DONE]\n\n"]
        connection.sendall(Answer(headers=(EVENTS,), chunks=()).head())
        connection.sendall(b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events) + b"0\r\n\r\n")

    def _embed(self, connection: socket.socket, request: Request) -> None:
        body = json.loads(request.body)
        given = body["input"] if isinstance(body["input"], list) else [body["input"]]
        time.sleep(self.seconds)
        with self._counting:
            self.items += len(given)
        data = [{"object": "embedding", "index": at, "embedding": [0.5]} for at in range(len(given))]
        usage = {"prompt_tokens": 7 * len(given), "total_tokens": 7 * len(given)}
        whole = json.dumps({"object": "list", "model": body["model"], "data": data, "usage": usage}).encode()
        connection.sendall(Answer(body=whole).head() + whole)
