"""An upstream on a real socket that answers chats by a rule, gives vectors by hashing, and judges as it is told."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

from tests.support.matching import DIMENSIONS, hashed
from tests.support.scripted_upstream import Answer, Request, ScriptedUpstream

JUDGE = "mini"


class Answering(ScriptedUpstream):
    """``say``: the answer to a text, None for an error; ``judge``: what the model ``mini`` says; ``vector``: a text's
    vector as JSON takes it. While ``chats_go`` or ``vectors_go`` are clear, such calls wait. ``asked``: texts that were
    asked, ``judged``: what the judge was shown."""

    def __init__(self, say: Callable[[str], str | None] = lambda text: f"answer to {text}") -> None:
        super().__init__()
        self.say = say
        self.judge = "SAME"
        self.vector: Callable[[str], Any] = lambda text: [float(value) for value in hashed(text, DIMENSIONS)]
        self.vectors_go = threading.Event()
        self.chats_go = threading.Event()
        self.vectors_go.set()
        self.chats_go.set()
        self.asked: list[str] = []
        self.judged: list[Any] = []
        self.answers["/v1/chat/completions"] = self._chat
        self.answers["/v1/embeddings"] = self._vectors

    def _chat(self, connection: socket.socket, request: Request) -> None:
        body = json.loads(request.body)
        text = body["messages"][-1]["content"]
        self.chats_go.wait(30)
        if body["model"] == JUDGE:
            self.judged.append(json.loads(text))
            said: str | None = self.judge
        else:
            self.asked.append(text)
            said = self.say(text)
        if said is None:
            answer = Answer(500, body=b'{"error":{"message":"broken","type":"x","param":null,"code":"broken"}}')
        else:
            message = {"role": "assistant", "content": said}
            told = {
                "id": "c", "object": "chat.completion", "created": 1, "model": "there-1",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
            }  # fmt: skip
            answer = Answer(body=json.dumps(told).encode())
        connection.sendall(answer.head() + answer.body)

    def _vectors(self, connection: socket.socket, request: Request) -> None:
        self.vectors_go.wait(30)
        texts = json.loads(request.body)["input"]
        data = [{"index": at, "embedding": self.vector(text)} for at, text in enumerate(texts)]
        body = json.dumps({"object": "list", "data": data, "model": "e", "usage": {}}).encode()
        connection.sendall(Answer(body=body).head() + body)

    def config(self, semantic: str = "", more: str = "", patience: str = "10s") -> str:
        """Of a gateway before it."""
        return (
            f"upstreams: {{up: {{base_url: '{self.url}', kind: vllm, metrics: 'off'}}}}\n"
            "models: {m: {upstreams: [up]}, mini: {upstreams: [up]}, e: {upstreams: [up]}}\n"
            f"cache: {{semantic: {{enabled: true, embedder: 'upstream:e', dimensions: {DIMENSIONS}, models: [m],"
            f" patience: {patience}{semantic}}}}}\n{more}"
        )
