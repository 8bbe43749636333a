import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import CallerError
from penstock.wire.headers import MOST_NAMES, OWN, Memo, check_own, forwardable, returnable

KEPT_TO_UPSTREAM = [
    (b"accept", b"application/json"),
    (b"content-type", b"multipart/form-data; boundary=x"),
    (b"user-agent", b"OpenAI/Python 3.51.0"),
    (b"anthropic-beta", b"a-2025-01-01,b-2025-02-02"),
    (b"anthropic-version", b"2023-06-01"),
    (b"openai-beta", b"assistants=v2"),
    (b"x-stainless-lang", b"python"),
    (b"x-stainless-retry-count", b"0"),
    (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    (b"x-claude-code-session-id", b"1"),
    (b"x-correlation-id", b"2"),
    (b"idempotency-key", b"3"),
    (b"x-odd", b" \xff kept  as it is"),
    (b"accept", b"a second line"),
]
NEVER_TO_UPSTREAM = [
    b"connection",
    b"keep-alive",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"host",
    b"content-length",
    b"expect",
    b"authorization",
    b"x-api-key",
    b"api-key",
    b"x-goog-api-key",
    b"x-litellm-api-key",
    b"x-amz-security-token",
    b"x-auth-token",
    b"client-secret",
    b"cookie",
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-anything",
    b"x-real-ip",
    b"via",
    b"accept-encoding",
    b"x-request-id",
    b"x-goog-user-project",
    b"x-http-method",
    b"x-http-method-override",
    b"x-method-override",
    b"x_user",
    b"x-penstock-cache",
    b"x-penstock-anything",
]
KEPT_TO_CALLER = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"retry-after", b"2"),
    (b"retry-after-ms", b"1500"),
    (b"x-ratelimit-remaining-requests", b"1"),
    (b"x-ratelimit-reset-tokens", b"6ms"),
    (b"anthropic-ratelimit-tokens-remaining", b"4"),
    (b"openai-processing-ms", b"9"),
    (b"openai-version", b"2020-10-01"),
    (b"x-should-retry", b"false"),
    (b"content-encoding", b"br"),
    (b"cache-control", b"no-cache"),
    (b"cache-control", b"no-store"),
]
NEVER_TO_CALLER = [
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"content-length",
    b"set-cookie",
    b"server",
    b"alt-svc",
    b"strict-transport-security",
    b"x-penstock-upstream",
    b"x-request-id",
    b"request-id",
    b"authorization",
    b"x-api-key",
    b"api-key",
    b"openai-organization",
    b"openai-project",
    b"access-control-allow-origin",
    b"location",
    b"www-authenticate",
]

spelling = st.integers(0, 2**40)


def spelled(name: bytes, bits: int) -> bytes:
    """``name`` in some mix of cases."""
    return bytes(byte ^ 0x20 if 97 <= byte <= 122 and bits >> i & 1 else byte for i, byte in enumerate(name))


def lines(headers) -> bytes:
    return b"".join(b"%b: %b\r\n" % field for field in headers)


def test_what_the_upstream_may_need_passes_byte_for_byte():
    assert forwardable(KEPT_TO_UPSTREAM) == lines(KEPT_TO_UPSTREAM)
    assert forwardable([]) == b""


def test_what_the_caller_may_need_passes_byte_for_byte():
    assert returnable(KEPT_TO_CALLER) == KEPT_TO_CALLER


@given(st.sampled_from(NEVER_TO_UPSTREAM), spelling, st.booleans())
def test_no_spelling_of_a_stopped_name_reaches_an_upstream(name, bits, remembered):
    headers = [(b"accept", b"a"), (spelled(name, bits), b"v"), (b"user-agent", b"b")]
    memo: Memo = {}
    for _ in range(1 + remembered):
        assert forwardable(headers, memo) == b"accept: a\r\nuser-agent: b\r\n"


@given(st.sampled_from(NEVER_TO_CALLER), spelling, st.booleans())
def test_no_spelling_of_a_stopped_name_reaches_the_caller(name, bits, remembered):
    headers = [(b"content-type", b"a"), (spelled(name, bits), b"v"), (b"retry-after", b"1")]
    memo: Memo = {}
    for _ in range(1 + remembered):
        assert returnable(headers, memo) == [(b"content-type", b"a"), (b"retry-after", b"1")]


named = st.lists(st.sampled_from([b"accept", b"x-odd", b"traceparent", b"close", b"keep-alive", b""]), max_size=4)


@given(st.lists(st.tuples(named, spelling), max_size=3), spelling)
def test_what_connection_names_is_stopped_too(connections, bits):
    fields = [(spelled(name, bits), b"v") for name in (b"accept", b"x-odd", b"traceparent", b"user-agent")]
    tokens = {token for tokens, _ in connections for token in tokens}
    headers = [
        (spelled(b"connection", bits), b" , ".join(spelled(token, bits) for token in tokens))
        for tokens, bits in connections
    ] + fields
    kept = [field for field in fields if field[0].lower() not in tokens]
    assert forwardable(headers) == lines(kept)
    assert returnable(headers) == kept
    assert forwardable(headers[::-1]) == lines(kept[::-1])


@pytest.mark.parametrize("value", [b"a\r\nhost: evil", b"a\nb", b"a\rb", b"a\0b", b"\r\n"])
def test_a_value_that_would_break_the_message_apart_is_refused(value):
    with pytest.raises(CallerError, match="line break"):
        forwardable([(b"accept", b"ok"), (b"x-odd", value)])


def test_the_memo_is_bounded():
    memo: Memo = {}
    forwardable([(b"x-%d" % i, b"v") for i in range(MOST_NAMES)], memo)
    assert len(memo) == MOST_NAMES
    forwardable([(b"x-newest", b"v")], memo)
    assert list(memo) == [b"x-newest"]  # nobody's names keep out those that come after them
    short: Memo = {}
    returnable([(b"x" * 5000, b"v")], short)
    assert not short
    assert forwardable([(b"new", b"1"), (b"cookie", b"2")], memo) == b"new: 1\r\n"


@pytest.mark.parametrize("name", sorted(OWN))
def test_our_own_fields_are_accepted(name):
    check_own([(b"accept", b"a"), (name, b"v"), (b"y", b"")])


@pytest.mark.parametrize("name", [b"x-penstock-", b"x-penstock-cachee", b"x-penstock-upstream", b"x-penstock-\xff"])
def test_others_of_our_name_are_refused_by_name(name):
    with pytest.raises(CallerError) as caught:
        check_own([(b"accept", b"a"), (name, b"v")])
    assert caught.value.status == 400
    assert name.decode("ascii", "replace") in caught.value.message
    assert "x-penstock-deadline-ms" in caught.value.message
