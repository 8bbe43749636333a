"""One request to the gateway under test, and a look at the shape of an error."""

import http.client
import json
from dataclasses import dataclass

from tests.support.running_gateway import RunningGateway
from tests.support.scripted_upstream import ScriptedUpstream

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
GOOD = {"model": "echo", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


@dataclass
class Place:
    gateway: RunningGateway
    scripted: ScriptedUpstream


@dataclass
class Asked:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict:
        return json.loads(self.body)["error"]


def ask(
    place: Place, path: str = CHAT, body: bytes | dict = b"", *, method: str = "POST",
    key: str | None = "", headers: dict[str, str] | None = None,
) -> Asked:  # fmt: skip
    """One request. ``key``: empty for the right one, None for none at all."""
    connection = http.client.HTTPConnection("127.0.0.1", place.gateway.port, timeout=60)
    fields = {"content-type": "application/json", **(headers or {})}
    if key is not None:
        fields["authorization"] = f"Bearer {key or place.gateway.key}"
    try:
        connection.request(method, path, json.dumps(body) if isinstance(body, dict) else body, fields)
        answer = connection.getresponse()
        return Asked(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def in_dialect(answer: Asked, path: str) -> dict:
    """The error object, after a look at its shape: SDKs read these very fields."""
    told = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/json"
    assert answer.body.endswith(b"\n")
    request_id = answer.headers["x-request-id"]
    assert request_id in told["error"]["message"]
    if "/messages" in path:
        assert (told["type"], told["request_id"]) == ("error", request_id)
        assert answer.headers["request-id"] == request_id
        assert set(told["error"]) == {"type", "message"}
    else:
        assert set(told["error"]) == {"message", "type", "param", "code"}
    return told["error"]
