"""An upstream for herds: each stream stands still at its half until it is let go, and may die there."""

import json
import socket
import threading

from tests.support.scripted_upstream import EVENTS, JSON, Answer, Request

WORDS = 20
TEXT = "".join(f"w{number} " for number in range(WORDS))


def chunk(**choice: object) -> bytes:
    facts = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m"}
    told = facts | {"choices": [{"index": 0, "finish_reason": None, "delta": {}} | choice]}
    return b"data: " + json.dumps(told).encode() + b"\n\n"


def events() -> list[bytes]:
    words = [chunk(delta={"content": f"w{number} "}) for number in range(WORDS)]
    facts = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": []}
    usage = {"prompt_tokens": 5, "completion_tokens": WORDS, "total_tokens": 5 + WORDS}
    told = b"data: " + json.dumps(facts | {"usage": usage}).encode() + b"\n\n"
    first = chunk(delta={"role": "assistant", "content": ""})
    return [first, *words, chunk(finish_reason="stop"), told, b"data: [DONE]\n\n"]


class Herd:
    """A behaviour. ``half``: set when the first stream stands at its half; ``go``: lets it on, or die if it ``dies``.
    Whole answers wait for ``go`` as well."""

    def __init__(self, *, dies: bool = False) -> None:
        self.half = threading.Event()
        self.go = threading.Event()
        self.dies = dies
        self.streams = 0

    def __call__(self, connection: socket.socket, request: Request) -> None:
        if json.loads(request.body).get("stream"):
            self._stream(connection)
        else:
            self.half.set()
            self.go.wait(60)
            whole = {
                "id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "m",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": TEXT}}],
                "usage": {"prompt_tokens": 5, "completion_tokens": WORDS, "total_tokens": 5 + WORDS},
            }  # fmt: skip
            answer = Answer(headers=(JSON,), body=json.dumps(whole).encode())
            connection.sendall(answer.head() + answer.body)

    def _stream(self, connection: socket.socket) -> None:
        self.streams += 1
        first = self.streams == 1
        connection.sendall(Answer(headers=(EVENTS,), chunks=()).head())
        for number, event in enumerate(events()):
            if number == WORDS // 2 and first:
                self.half.set()
                self.go.wait(60)
                if self.dies:
                    raise OSError("dies")
            connection.sendall(b"%x\r\n%b\r\n" % (len(event), event))
        connection.sendall(b"0\r\n\r\n")
