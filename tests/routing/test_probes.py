import json

import pytest

from penstock.routing.probes import LARGE_BYTES, SMALL_BYTES, question, verdict

PATH = question("path", "/health", "openai", "")
MODELS = question("models", "/health", "openai", "")


def test_what_is_asked() -> None:
    assert (PATH.method, PATH.path, PATH.body, PATH.limit, PATH.as_a_call) == (
        "GET",
        "/health",
        b"",
        SMALL_BYTES,
        False,
    )
    assert (MODELS.method, MODELS.path, MODELS.limit) == ("GET", "models", LARGE_BYTES)
    token = question("token", "/health", "openai", "m")
    assert (token.method, token.path, token.as_a_call) == ("POST", "chat/completions", True)
    assert json.loads(token.body) == {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    assert question("token", "/health", "anthropic", "m").path == "messages"


@pytest.mark.parametrize(
    ("status", "body", "path", "models"),
    [
        (200, b"", ("well", True), ("malformed", False)),
        (204, b"", ("well", True), ("malformed", False)),
        (200, b'{"data":[]}', ("well", True), ("well", True)),
        (200, b"<html>log in</html>", ("well", True), ("malformed", False)),
        (200, b'["x"]', ("well", True), ("malformed", False)),
        (200, b"\xff\xfe", ("well", True), ("malformed", False)),
        (200, b"[" * 10_000, ("well", True), ("malformed", False)),
        (302, b"", ("answers", None), ("answers", None)),
        (401, b"", ("answers", None), ("answers", None)),
        (404, b"", ("answers", None), ("answers", None)),
        (429, b"", ("answers", None), ("answers", None)),
        (500, b"{}", ("server_error", False), ("server_error", False)),
        (503, b"", ("server_error", False), ("server_error", False)),
    ],
)
def test_what_an_answer_means(
    status: int, body: bytes, path: tuple[str, bool | None], models: tuple[str, bool | None]
) -> None:
    assert verdict(PATH, status, body) == path
    assert verdict(MODELS, status, body) == models
