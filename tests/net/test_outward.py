import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from penstock.core.deadlines import Wheel
from penstock.core.errors import Fail
from penstock.net.names import Names
from penstock.net.outward import Answer, Outward, address_problem, field_problem, retry_after
from tests.support.scripted_upstream import Answer as Scripted
from tests.support.scripted_upstream import ScriptedUpstream


@asynccontextmanager
async def outward(url: str, ca_file: str | None = None) -> AsyncIterator[Outward]:
    now = time.monotonic
    made = Outward("receiver", url, wheel=Wheel(0.05, now()), names=Names(now), now=now, ca_file=ca_file)
    try:
        yield made
    finally:
        made.close()
        await asyncio.sleep(0)


async def post(url: str, body: bytes = b"{}", within: float = 5.0, ca_file: str | None = None) -> Answer:
    async with outward(url, ca_file) as made:
        return await made.post([(b"x-secret", b"s")], body, within)


def test_a_post_arrives_as_it_is_and_its_answer_comes_back() -> None:
    with ScriptedUpstream() as there:
        there.answers["/a/b"] = Scripted(429, headers=(("Retry-After", "7"),), body=b"slow down")
        answer = asyncio.run(post(f"http://127.0.0.1:{there.port}/a/b?token=t", b'{"x":1}'))
        assert answer == (429, 7.0, b"slow down")
        (request,) = there.requests
        assert (request.method, request.target, request.body) == ("POST", "/a/b?token=t", b'{"x":1}')
        assert request.header("x-secret") == "s"
        assert request.header("host") == f"127.0.0.1:{there.port}"


def test_no_redirect_is_followed() -> None:
    with ScriptedUpstream() as there:
        there.answers["/"] = Scripted(307, headers=(("location", f"http://127.0.0.1:{there.port}/other"),))
        assert asyncio.run(post(f"http://127.0.0.1:{there.port}")).status == 307
        assert [request.target for request in there.requests] == ["/"]


def test_an_answer_that_is_too_long_is_not_kept() -> None:
    with ScriptedUpstream() as there:
        there.answers["/"] = Scripted(body=b"x" * 100_000)
        assert asyncio.run(post(f"http://127.0.0.1:{there.port}/")) == (200, None, b"")


def test_who_does_not_answer_is_waited_for_no_longer_than_said() -> None:
    with ScriptedUpstream() as there:
        there.answers["/"] = lambda connection, request: None
        with pytest.raises(TimeoutError):
            asyncio.run(post(f"http://127.0.0.1:{there.port}/", within=0.2))


def test_an_error_does_not_repeat_the_address() -> None:
    with ScriptedUpstream() as there:
        port = there.port
    with pytest.raises(Fail) as caught:
        asyncio.run(post(f"http://127.0.0.1:{port}/T0/secret-path"))
    assert "secret-path" not in caught.value.message


def test_tls_is_verified(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    with ScriptedUpstream(context) as there:
        there.answers["/x"] = Scripted(202)
        url = f"https://127.0.0.1:{there.port}/x"
        assert asyncio.run(post(url, ca_file=str(file))).status == 202
        with pytest.raises(Fail) as caught:
            asyncio.run(post(url))
        assert caught.value.phase == "tls"


@pytest.mark.parametrize(("value", "seconds"), [(b"12", 12.0), (b"999999", 3600.0), (b"-1", None), (b"soon", None)])
def test_how_long_a_receiver_asks_to_wait(value: bytes, seconds: float | None) -> None:
    assert retry_after([(b"x", b"y"), (b"Retry-After", value)]) == seconds


@pytest.mark.parametrize("url", ["https://hooks.example/T0/B0/x?y=1", "http://10.0.0.7:8080", "http://[::1]:9/a"])
def test_addresses_that_may_be_posted_to(url: str) -> None:
    assert address_problem(url) == ""


@pytest.mark.parametrize(
    "url",
    ["", "hooks.example", "ftp://x/y", "https://", "https://user:pw@x/", "http://x:0/", "http://x:99999/", "http://x/#a",
     "http://x/a b", "http://x/ä", "http://[::1/"],
)  # fmt: skip
def test_addresses_that_may_not(url: str) -> None:
    assert address_problem(url)


def test_what_is_said_of_an_address_does_not_repeat_it() -> None:
    assert "hunter2" not in address_problem("https://user:hunter2@x/")


@pytest.mark.parametrize(
    ("name", "value"),
    [("", "x"), ("a b", "x"), ("Host", "x"), ("content-length", "1"), ("x", "a\r\nb: c"), ("x:", "y")],
)
def test_fields_that_may_not_be_sent(name: str, value: str) -> None:
    assert field_problem(name, value)
    assert field_problem("Authorization", "Basic abc=") == ""
