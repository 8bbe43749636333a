"""Events as requests, answers as Lambda takes them."""

import base64
import json
from typing import Any

import pytest

from penstock.process.aws_lambda.events import MOST_BYTES, Asked, UnknownEvent, answer, asked, prelude, traceparent
from tests.support.runtime_api import balancer_event, url_event


def test_a_function_urls_event_becomes_a_request_and_whom_it_is_from_cannot_be_written_by_the_caller() -> None:
    event = url_event("POST", "/v1/a b", {"x": 1}, connection="close",
                      **{"content-length": "99", "X-Forwarded-For": "7.7.7.7"})  # fmt: skip
    event |= {"rawQueryString": "a=%20&a=2", "cookies": ["one=1", "two=2"]}
    call = asked(event)
    assert (call.form, call.method, call.target) == ("url", "POST", "/v1/a%20b?a=%20&a=2")
    assert call.host == "abc.lambda-url.eu-west-1.on.aws"
    fields = dict(call.fields)
    assert fields["x-forwarded-for"] == "203.0.113.9"
    assert "6.6.6.6" not in str(call.fields)
    assert "7.7.7.7" not in str(call.fields)
    assert fields["cookie"] == "one=1; two=2"
    assert not {"connection", "content-length", "host"} & fields.keys()
    assert json.loads(call.body) == {"x": 1}


def test_an_http_apis_event_is_told_from_a_function_urls() -> None:
    event = url_event("GET", "/health")
    event["requestContext"]["domainName"] = "abc.execute-api.eu-west-1.amazonaws.com"
    assert asked(event).form == "http_api"


@pytest.mark.parametrize("several", [True, False])
def test_a_balancers_event_keeps_the_query_as_it_was_written(several: bool) -> None:
    event = balancer_event("GET", "/health", None, Host="api.example.org")
    if several:
        event["multiValueQueryStringParameters"] = {"a": ["%20", "2"]}
    else:
        del event["multiValueHeaders"], event["multiValueQueryStringParameters"]
        event |= {"headers": {"host": "api.example.org"}, "queryStringParameters": {"a": "%20"}}
    call = asked(event)
    assert call.target == ("/health?a=%20&a=2" if several else "/health?a=%20")
    assert (call.form, call.host, call.several) == ("balancer", "api.example.org", several)


def test_a_health_check_of_a_balancer_names_no_host() -> None:
    assert asked(balancer_event("GET", "/health")).host == "127.0.0.1"


def test_a_body_in_base64_arrives_as_it_was() -> None:
    event = {**url_event("POST", "/"), "body": base64.b64encode(b"\xff\x00").decode(), "isBase64Encoded": True}
    assert asked(event).body == b"\xff\x00"


@pytest.mark.parametrize(
    "event",
    [
        None, [], {}, {"source": "aws.events", "requestContext": None}, {"requestContext": {}}, {"Records": []},
        {"requestContext": {"elb": {}}}, {"version": "2.0", "requestContext": {"http": {}}},
        {**url_event("GET", "/"), "body": "*", "isBase64Encoded": True}, {**url_event("GET", "/"), "rawPath": "\ud800"},
        {**balancer_event("GET", "/"), "httpMethod": {}},
        {**balancer_event("GET", "/"), "multiValueHeaders": {"a": [1]}},
        {**url_event("GET", "/"), "headers": {"host": None}}, {**url_event("GET", "/"), "headers": {"a": ["b"]}},
    ],
)  # fmt: skip
def test_what_is_no_call_is_refused_in_words(event: Any) -> None:
    with pytest.raises(UnknownEvent, match=r"event|requestContext|base64"):
        asked(event)


def _call(form: Any, several: bool = False) -> Asked:
    return Asked(form, "GET", "/", "h", [], b"", several)


FIELDS = [("content-type", "text/plain"), ("vary", "a"), ("vary", "b"), ("set-cookie", "x=1"), ("set-cookie", "y=2"),
          ("connection", "close"), ("transfer-encoding", "chunked")]  # fmt: skip


def test_a_whole_answer_has_the_form_that_its_service_reads() -> None:
    url = json.loads(answer(_call("url"), 200, FIELDS, b"hello"))
    assert url == {
        "statusCode": 200, "isBase64Encoded": False, "body": "hello",
        "headers": {"content-type": "text/plain", "vary": "a, b"}, "cookies": ["x=1", "y=2"],
    }  # fmt: skip
    balancer = json.loads(answer(_call("balancer", several=True), 429, FIELDS, b""))
    assert balancer["statusDescription"] == "429 Too Many Requests"
    assert balancer["multiValueHeaders"]["set-cookie"] == ["x=1", "y=2"]
    assert "connection" not in balancer["multiValueHeaders"]
    assert json.loads(answer(_call("balancer"), 529, FIELDS, b""))["headers"]["content-type"] == "text/plain"


@pytest.mark.parametrize(("fields", "body"), [([], b"\xff\xfe"), ([("content-encoding", "gzip")], b"abc")])
def test_what_is_no_text_travels_as_base64(fields: Any, body: bytes) -> None:
    told = json.loads(answer(_call("url"), 200, fields, body))
    assert told["isBase64Encoded"]
    assert base64.b64decode(told["body"]) == body


def test_an_answer_that_the_service_would_refuse_becomes_an_error_that_says_what_to_do() -> None:
    fits = answer(_call("balancer"), 200, [], b"a" * (MOST_BYTES["balancer"] - 1000))
    assert json.loads(fits)["statusCode"] == 200
    told = json.loads(answer(_call("balancer"), 200, [], b"a" * MOST_BYTES["balancer"]))
    assert told["statusCode"] == 502
    assert json.loads(told["body"])["error"]["code"] == "answer_too_large"
    assert json.loads(answer(_call("url"), 200, [], b"a" * MOST_BYTES["balancer"]))["statusCode"] == 200


def test_a_streams_prelude_ends_with_eight_zeros() -> None:
    head, _, rest = prelude(200, FIELDS).partition(bytes(8))
    assert rest == b""
    assert json.loads(head)["cookies"] == ["x=1", "y=2"]


def test_x_rays_trace_is_written_as_w3c_does() -> None:
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1"
    assert traceparent(trace) == "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"
    assert traceparent("Root=1-5759e988") is None
    assert traceparent(None) is None
