import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import CallerError
from penstock.edge.cookie import check_own_page, cookie_name, new_cookie, session_token

TOKEN = b"t" * 43
HOST = (b"host", b"gw.example.org:8400")
OWN = (b"x-penstock-ui", b"1")
COOKIE = (b"cookie", b"penstock-ui-8400=" + TOKEN)
ORIGIN = (b"origin", b"https://gw.example.org:8400")


def test_the_cookie_of_our_own_page() -> None:
    assert session_token([HOST, OWN, COOKIE]) == TOKEN
    assert session_token([HOST, OWN, ORIGIN, COOKIE, (b"sec-fetch-site", b"same-origin")]) == TOKEN
    assert session_token([HOST, OWN, (b"cookie", b"a=b; penstock-ui-8400=" + TOKEN + b"; c=d")]) == TOKEN
    assert session_token([HOST, OWN, (b"cookie", b"a=b"), COOKIE]) == TOKEN


@pytest.mark.parametrize(
    "fields",
    [
        [HOST, COOKIE],  # a form, an image, a link
        [HOST, OWN, COOKIE, (b"sec-fetch-site", b"cross-site")],
        [HOST, OWN, COOKIE, (b"sec-fetch-site", b"same-site")],  # another port of this host
        [HOST, OWN, COOKIE, (b"sec-fetch-site", b"none")],  # typed, or a bookmark
        [HOST, OWN, COOKIE, (b"origin", b"https://evil.example")],
        [HOST, OWN, COOKIE, (b"origin", b"https://gw.example.org:8401")],
        [HOST, OWN, COOKIE, (b"origin", b"null")],
        [HOST, OWN, COOKIE, (b"origin", b"")],
    ],
)
def test_a_cookie_that_another_page_had_sent_is_refused(fields: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(CallerError) as caught:
        session_token(fields)
    assert (caught.value.status, caught.value.code) == (403, "foreign_origin")


def test_no_host_is_no_origin() -> None:
    with pytest.raises(CallerError):
        check_own_page([OWN, (b"origin", b"http://")])


@pytest.mark.parametrize(
    "fields",
    [
        [HOST, OWN],
        [HOST, OWN, COOKIE, (b"authorization", b"Bearer sk-pen-x")],  # the key counts
        [HOST, OWN, COOKIE, (b"x-api-key", b"sk-pen-x")],
        [HOST, OWN, COOKIE, (b"api-key", b"")],
        [HOST, OWN, (b"cookie", b"penstock-ui-8401=" + TOKEN)],  # the gateway beside
        [HOST, OWN, (b"cookie", b"penstock-ui-8400=" + TOKEN + b"t")],
        [HOST, OWN, (b"cookie", b"penstock-ui-8400=" + b"\xff" * 43)],
        [HOST, OWN, (b"cookie", b"a=" + b"b" * 9000 + b"; penstock-ui-8400=" + TOKEN)],
    ],
)
def test_what_names_no_session(fields: list[tuple[bytes, bytes]]) -> None:
    assert session_token(fields) is None


def test_its_name_tells_gateways_of_one_host_apart() -> None:
    assert cookie_name(b"127.0.0.1:8400") == b"penstock-ui-8400"
    assert cookie_name(b"[::1]:8401") == b"penstock-ui-8401"
    assert cookie_name(b"gw.example.org") == cookie_name(b"[::1]") == b"penstock-ui-web"


def test_scripts_and_other_sites_do_not_get_it() -> None:
    cookie = new_cookie([HOST], "abc", 60.0, tls=False)
    assert cookie == b"penstock-ui-8400=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"
    assert new_cookie([HOST], "abc", 60.0, tls=True).endswith(b"; Secure")
    assert new_cookie([HOST, ORIGIN], "abc", 60.0, tls=False).endswith(b"; Secure")  # a proxy in front speaks TLS


NAMES = st.sampled_from([b"cookie", b"host", b"origin", b"sec-fetch-site", b"x-penstock-ui", b"x-api-key"])
VALUES = st.binary(max_size=60) | st.sampled_from([COOKIE[1], HOST[1], b"same-origin", b"https://gw.example.org:8400"])


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_whatever_is_sent_a_token_is_told_only_to_our_own_page(fields: list[tuple[bytes, bytes]]) -> None:
    token = None
    with contextlib.suppress(CallerError):
        token = session_token(fields)
    if token is not None:
        last = dict(fields)
        assert b"x-penstock-ui" in last
        assert b"x-api-key" not in last
        assert last.get(b"sec-fetch-site", b"same-origin") == b"same-origin"
        assert b"origin" not in last or last[b"origin"].partition(b"://")[2].lower() == last[b"host"].lower()
        assert len(token) == 43
