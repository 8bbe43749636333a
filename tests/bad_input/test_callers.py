"""Wrong paths, methods, models and keys: a status and a reason in the words of the route's dialect."""

import json
import socket

import pytest

from tests.bad_input.asking import CHAT, GOOD, MESSAGES, Place, ask, in_dialect


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", CHAT, "POST"),
        ("DELETE", CHAT, "POST"),
        ("PUT", MESSAGES, "POST"),
        ("GET", MESSAGES, "POST"),
        ("POST", "/v1/models", "GET"),
        ("POST", "/health", "GET"),
        ("GET", "/admin/v1/reload", "POST"),
    ],
)
def test_a_wrong_method_is_405(place: Place, method: str, path: str, allow: str) -> None:
    answer = ask(place, path, method=method)
    assert (answer.status, answer.headers["allow"]) == (405, allow)
    in_dialect(answer, path)


@pytest.mark.parametrize("path", ["/v1/chat/completion", "/chat", "/v1", "/v1/messages/nothing/here", "/admin/v1/nope"])
def test_a_wrong_path_is_404(place: Place, path: str) -> None:
    answer = ask(place, path, GOOD)
    assert answer.status == 404
    assert path in in_dialect(answer, path)["message"]


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_an_unknown_model_is_404_with_the_nearest_names(place: Place, path: str) -> None:
    answer = ask(place, path, {**GOOD, "model": "ecolog"})
    assert answer.status == 404
    error = in_dialect(answer, path)
    assert error["message"].index("ecology") < error["message"].index("echo")
    if path == CHAT:
        assert (error["code"], error["param"]) == ("model_not_found", "model")


@pytest.mark.parametrize(("length", "status"), [(100, 404), (5000, 400)])
def test_a_strange_model_name_is_shown_safely(length: int, status: int, place: Place) -> None:
    answer = ask(place, CHAT, {**GOOD, "model": "x\r\nset-cookie: a=b\x1b[31m" + "y" * length})
    assert answer.status == status
    assert "set-cookie" not in answer.headers
    assert "\x1b" not in in_dialect(answer, CHAT)["message"]
    assert len(answer.body) < 1000


# ---- keys

KEYS = {
    "no key": {},
    "an empty bearer": {"authorization": "Bearer "},
    "only the scheme": {"authorization": "Bearer"},
    "another scheme": {"authorization": "Basic c2stcGVuLXg6"},
    "a key of somebody else": {"authorization": "Bearer sk-proj-abc"},
    "one that looks right": {"authorization": "Bearer sk-pen-" + "A" * 43},
    "a huge one": {"authorization": "Bearer " + "A" * 20_000},
    "odd bytes": {"authorization": b"Bearer \xff\xfe\x80"},
    "spaces in it": {"authorization": "Bearer a b c"},
    "x-api-key": {"x-api-key": "sk-pen-wrong"},
    "api-key": {"api-key": "sk-pen-wrong"},
    "an empty x-api-key": {"x-api-key": ""},
}


@pytest.mark.parametrize("path", [CHAT, MESSAGES, "/v1/models"])
@pytest.mark.parametrize("what", KEYS)
def test_bad_keys_are_401(place: Place, path: str, what: str) -> None:
    method = "GET" if path == "/v1/models" else "POST"
    answer = ask(place, path, GOOD if method == "POST" else b"", method=method, key=None, headers=KEYS[what])
    assert answer.status == 401
    assert in_dialect(answer, path)["type"] == "authentication_error"
    assert answer.headers["www-authenticate"] == "Bearer"
    sent = next((str(value).split(" ")[-1] for value in KEYS[what].values()), "")
    assert len(sent) < 8 or sent not in answer.body.decode()


def test_a_strangers_body_is_not_waited_for(place: Place) -> None:
    with socket.create_connection(("127.0.0.1", place.gateway.port), 5) as connection:
        connection.sendall(f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_an_ordinary_key_is_403_for_the_admin_api(place: Place) -> None:
    store = place.gateway.home / "config" / "penstock" / "keys.json"
    rights = json.loads(store.read_text())["keys"][0]["rights"]
    answer = ask(place, "/admin/v1/status", method="GET")
    assert answer.status == (200 if "admin" in rights else 403)
