import base64
import json
import struct

import pytest
from openai.types import CreateEmbeddingResponse

from penstock.core.errors import CallerError
from penstock.wire.counts import Usage
from penstock.wire.openai_embeddings import embeddings_list, request

VECTORS = [[0.5, -1.0, 2.25], [0.0, 1.0, 3.0]]


@pytest.mark.parametrize("encoding", [None, "float"])
def test_floats(encoding):
    body = embeddings_list("m", VECTORS, Usage(4), encoding)
    answer = CreateEmbeddingResponse.model_validate_json(body, strict=True)
    assert [item.embedding for item in answer.data] == VECTORS
    assert [item.index for item in answer.data] == [0, 1]
    assert (answer.model, answer.usage.prompt_tokens, answer.usage.total_tokens) == ("m", 4, 4)


def test_base64_is_of_little_endian_floats():
    answer = json.loads(embeddings_list("m", VECTORS, Usage(4), "base64"))
    decoded = [struct.unpack("<3f", base64.b64decode(item["embedding"])) for item in answer["data"]]
    assert [list(vector) for vector in decoded] == VECTORS


@pytest.mark.parametrize(
    ("written", "texts"),
    [('"a"', ["a"]), ('["a","b"]', ["a", "b"]), ("[1,2]", ["1 2"]), ("[[1,2],[3]]", ["1 2", "3"]), ("[]", [])],
)
def test_inputs_of_every_form(written, texts):
    found = request(b'{"model":"m","input":%b,"encoding_format":"base64","x":1}' % written.encode())
    assert found.texts == texts
    assert found.encoding_format == "base64"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"model":"m"}', "input"),
        (b'{"input":{}}', "input"),
        (b'{"input":["a",1]}', "input"),
        (b'{"input":"a","encoding_format":"hex"}', "encoding_format"),
        (b'{"input":"a","dimensions":0}', "dimensions"),
        (b'{"input":"a","dimensions":100000}', "dimensions"),
    ],
)
def test_bad_requests_name_the_field(body, param):
    with pytest.raises(CallerError) as caught:
        request(body)
    assert (caught.value.status, caught.value.param) == (400, param)
