"""Wrong bodies get a 4xx and a reason, and never a 500."""

import http.client
import json
import random
import socket

import pytest

from tests.bad_input.asking import CHAT, GOOD, MESSAGES, Place, ask, in_dialect
from tests.bad_input.invalid_json import INVALID_VALUES

BODIES = {
    "nothing": b"",
    "white space": b" \r\n\t ",
    "not JSON": b"hello",
    "cut off": b'{"model":"echo","messages":[',
    "a form": b"model=echo&messages=hi",
    "an array": b"[]",
    "a string": b'"echo"',
    "a number": b"1",
    "null": b"null",
    "two values": b'{"model":"echo"}{"model":"echo"}',
    "no model": b'{"messages":[]}',
    "an empty model": b'{"model":"","messages":[]}',
    "a null model": b'{"model":null,"messages":[]}',
    "a model of great length": b'{"model":"%b","messages":[]}' % (b"x" * 2000),
    "a model that is a list": b'{"model":["echo"],"messages":[]}',
    "a stream that is a word": b'{"model":"echo","messages":[],"stream":"yes"}',
    "a negative limit": b'{"model":"echo","messages":[],"max_tokens":-1}',
    "a model twice": b'{"model":"echo","model":"scripted","messages":[]}',
    "a model twice, one escaped": b'{"model":"echo","mod\\u0065l":"scripted","messages":[]}',
    "too deep": b'{"model":"echo","messages":' + b"[" * 500 + b"]" * 500 + b"}",
    "far too deep": b'{"model":"echo","messages":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "deep and unclosed": b'{"a":' * 10_000,
    "not UTF-8": b'{"model":"echo","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "UTF-16": '{"model":"echo"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"model":"echo","messages":[]}',
    "half a surrogate pair": b'{"model":"\\ud800","messages":[]}',
    "NUL": b'{"model":"ec\x00ho","messages":[]}',
    "single quotes": b"{'model':'echo'}",
    "a comment": b'{"model":"echo"/* x */,"messages":[]}',
    "a trailing comma": b'{"model":"echo","messages":[],}',
    "NaN": b'{"model":"echo","messages":[],"temperature":NaN}',
}


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("what", BODIES)
def test_bad_bodies_are_400(place: Place, path: str, what: str) -> None:
    answer = ask(place, path, BODIES[what])
    assert answer.status == 400
    assert in_dialect(answer, path)["type"] == "invalid_request_error"
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("place_of_it", ["alone", "a field", "in a message"])
def test_invalid_json_is_never_accepted_and_never_500(place: Place, place_of_it: str) -> None:
    frame = {
        "alone": "%s",
        "a field": '{"model":"echo","x":%s,"messages":[]}',
        "in a message": '{"model":"echo","messages":[{"role":"user","content":%s}]}',
    }[place_of_it]
    connection = http.client.HTTPConnection("127.0.0.1", place.gateway.port, timeout=60)
    headers = {"authorization": f"Bearer {place.gateway.key}"}
    statuses = {}
    for value in INVALID_VALUES:
        connection.request("POST", CHAT, frame.replace("%s", value).encode(), headers)
        answer = connection.getresponse()
        answer.read()
        statuses[value] = answer.status
    connection.close()
    # '""],' and the like close our frame and may leave it valid: none does, and none may be taken for a request.
    assert {value: status for value, status in statuses.items() if status != 400} == {}


def test_mutated_bodies_are_never_500(place: Place) -> None:
    random_of = random.Random(20)
    good = json.dumps({**GOOD, "stream": False, "temperature": 0.5, "user": "ü\u2028"}, ensure_ascii=False).encode()
    connection = http.client.HTTPConnection("127.0.0.1", place.gateway.port, timeout=60)
    for path in (CHAT, MESSAGES, "/v1/embeddings", "/v1/responses", "/v1/completions"):
        for _ in range(150):
            body = bytearray(good)
            for _ in range(random_of.randint(1, 6)):
                at = random_of.randrange(len(body))
                if random_of.random() < 0.5:
                    body[at] = random_of.randrange(256)
                else:
                    del body[at : at + random_of.randint(1, 5)]
            connection.request("POST", path, bytes(body), {"authorization": f"Bearer {place.gateway.key}"})
            answer = connection.getresponse()
            told = answer.read()
            assert answer.status < 500, (bytes(body), told)
    connection.close()


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_too_large_is_413(place: Place, path: str) -> None:
    answer = ask(place, path, b'{"model":"echo","x":"' + b"x" * 70_000 + b'"}')
    assert answer.status == 413
    in_dialect(answer, path)
    assert answer.headers["x-should-retry"] == "false"


def test_too_large_without_a_length_is_413(place: Place) -> None:
    with socket.create_connection(("127.0.0.1", place.gateway.port), 30) as connection:
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {place.gateway.key}\r\n"
        connection.sendall(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        for _ in range(3):
            connection.sendall(chunk)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
