import pytest

from penstock.core.errors import CallerError, GatewayError, UpstreamError
from penstock.routing.failure import AT_REST, KINDS, of_answer, of_fail, retry_after


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"error":{"code":"invalid_request"}}', "caller"),
        (400, b'{"error":{"code":"context_length_exceeded"}}', "context_length"),
        (413, b"prompt is too long: 210000 tokens", "context_length"),
        (400, b'{"error":{"code":"content_filter"}}', "content_filter"),
        (404, b"", "caller"),
        (422, b"", "caller"),
        (401, b"", "auth"),
        (400, b'{"error":{"code":400,"message":"API key not valid. Please pass a valid API key."}}', "auth"),
        (403, b"", "denied"),
        (403, b'{"error":{"code":"model_not_found"}}', "forbidden"),
        (403, b"You don't have access to the model with the specified model ID.", "forbidden"),
        (402, b"", "quota"),
        (429, b'{"error":{"code":"insufficient_quota"}}', "quota"),
        (429, b"slow down", "rate_limited"),
        (429, b"Request too large for gpt-4o on tokens per min: Limit 30000, Requested 40000", "context_length"),
        (408, b"", "server_error"),
        (409, b"", "server_error"),
        (500, b"", "server_error"),
        (500, b"context length", "server_error"),
        (503, b"", "overloaded"),
        (529, b"", "overloaded"),
    ],
)
def test_an_error_answer_is_of_a_kind(status: int, body: bytes, kind: str) -> None:
    failure = of_answer(status, [], body)
    assert failure is not None
    assert failure.kind.name == kind


def test_an_answer_that_stands_is_no_failure() -> None:
    assert of_answer(200, [], b"content_filter") is None
    assert of_answer(302, [], b"") is None


def test_an_upstream_that_says_so_is_not_asked_again() -> None:
    failure = of_answer(500, [(b"x-should-retry", b"false")], b"")
    assert failure is not None
    assert not failure.kind.here


@pytest.mark.parametrize(
    ("fail", "kind"),
    [
        (CallerError("no"), "caller"),
        (GatewayError("full", code="upstream_queue_full"), "full"),
        (GatewayError("no"), "gateway"),
        (UpstreamError("x", code="engine_starting", status=503), "starting"),
        (UpstreamError("x", code=AT_REST, status=429, phase="choose"), "rate_limited"),
        (UpstreamError("x", phase="connect"), "unreachable"),
        (UpstreamError("x", phase="headers", status=504), "silent"),
        (UpstreamError("x", phase="body", status=504), "silent"),
        (UpstreamError("x", phase="headers"), "reset"),
        (UpstreamError("upstream 'a' sent malformed HTTP", phase="body"), "malformed"),
        (UpstreamError("x", code="upstream_malformed"), "malformed"),
        (UpstreamError("x", code="cannot_join"), "unjoinable"),
        (UpstreamError("out of memory", code="upstream_error_event"), "server_error"),
        (UpstreamError("flagged by content_filter", code="upstream_error_event"), "content_filter"),
    ],
)
def test_an_exception_is_of_a_kind(fail: UpstreamError, kind: str) -> None:
    assert of_fail(fail).kind.name == kind


def test_whose_fault_it_is_bounds_what_may_be_tried() -> None:
    for kind in KINDS.values():
        if kind.fault == "caller":
            assert not kind.here, kind
            assert not kind.elsewhere, kind
        if kind.fault != "upstream":
            assert not kind.blames, "no upstream is left alone for what others did"
    assert not KINDS["silent"].here, "one that was silent for all its time is not asked twice"
    assert KINDS["context_length"].fall_back
    assert not KINDS["content_filter"].fall_back


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        (b"retry-after", b"7", 7.0),
        (b"retry-after", b"0.5", 0.5),
        (b"retry-after", b"-3", 0.0),
        (b"retry-after", b"soon", None),
        (b"retry-after", b"nan", None),
        (b"retry-after", b"inf", None),
        (b"retry-after", b"9" * 20, 1e9),
        (b"retry-after", b"9" * 5000, None),
        (b"retry-after", b"Fri, 15 Jan 99999 08:00:30 GMT", None),
        (b"retry-after", b"Fri, 15 Jan 2021 08:00:30 GMT", 0.0),
        (b"retry-after-ms", b"250", 0.25),
        (b"retry-after-ms", b"soon", None),
        (b"retry-after-ms", b"9" * 400, None),
        (b"retry-after-ms", b"9" * 5000, None),
        (b"retry-after", b"Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
    ],
)
def test_what_an_upstream_asks_to_wait(name: bytes, value: bytes, seconds: float | None) -> None:
    assert retry_after([(name, value)], wall=1_800_000_000.0) == seconds


def test_milliseconds_are_more_exact_than_seconds() -> None:
    assert retry_after([(b"retry-after", b"1"), (b"retry-after-ms", b"300")]) == 0.3
