import time

import pytest

from penstock.wire.multipart import MAX_SEEN_BYTES, model_field


def form(*parts: bytes) -> bytes:
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"


def field(head: bytes, value: bytes) -> bytes:
    return head + b"\r\n\r\n" + value


@pytest.mark.parametrize(
    "head",
    [
        b'Content-Disposition: form-data; name="model"',
        b"content-disposition:form-data;name=model",
        b'CONTENT-DISPOSITION: form-data; name="model"; x=y\r\nContent-Type: text/plain',
        b'Content-Type: text/plain\r\nContent-Disposition: form-data; name="model"',
    ],
)
def test_the_model_is_read(head):
    body = form(field(b'Content-Disposition: form-data; name="n"', b"1"), field(head, b"whisper-1"))
    assert model_field(body) == "whisper-1"


@pytest.mark.parametrize(
    "part",
    [
        field(b'Content-Disposition: form-data; name="model_size"', b"x"),
        field(b'Content-Disposition: form-data; name="my"; filename="model"', b"x"),
        field(b'X-Content-Disposition: form-data; name="model"', b"x"),
        field(b'Content-Disposition: form-data; name="model"', b""),
        field(b'Content-Disposition: form-data; name="model"', b"x" * 300),
    ],
)
def test_anything_else_is_not_the_model(part):
    assert model_field(form(part)) == ""


def test_only_the_beginning_is_looked_at():
    late = field(b'Content-Disposition: form-data; name="model"', b"m")
    assert model_field(form(b"x: " + b"y" * MAX_SEEN_BYTES, late)) == ""


@pytest.mark.parametrize(
    "unit",
    [
        b"content-disposition:",
        b"\r\ncontent-disposition: form-data; name=model",
        b"content-disposition: form-data; name=model\r\n",
        b"\r\ncontent-disposition:;;;;; name=",
        b"a\r\n",
        b"\r\n",
    ],
)
def test_no_form_makes_the_search_crawl(unit):
    body = unit * (MAX_SEEN_BYTES // len(unit))
    began = time.process_time()
    model_field(body)
    assert time.process_time() - began < 0.5
