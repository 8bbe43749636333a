from typing import Any

import pytest

from penstock.core.reply import Reply
from penstock.edge.cors import allowed_origin, cors_lines
from penstock.process.loop import run
from tests.support.scripted import Door, scripted

PAGE = "https://chat.example.org"
CHAT = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("origin", "origins", "allowed"),
    [
        (PAGE, {PAGE}, PAGE),
        (PAGE, {"*"}, "*"),
        (PAGE, {"*", PAGE}, PAGE),
        (PAGE, {"https://other.example"}, ""),
        (PAGE + ".evil.example", {PAGE}, ""),
        ("null", {PAGE}, ""),
        (PAGE, set(), ""),
    ],
)
def test_which_origin_may_call(origin: str, origins: set[str], allowed: str) -> None:
    assert allowed_origin([(b"origin", origin.encode())], frozenset(origins)) == allowed


def test_without_an_origin_nothing_is_allowed() -> None:
    assert allowed_origin([(b"host", b"x")], frozenset({"*"})) == ""


def test_what_a_page_may_read() -> None:
    lines = cors_lines(PAGE).decode()
    assert f"access-control-allow-origin: {PAGE}\r\n" in lines
    assert "vary: origin\r\n" in lines
    assert "x-request-id" in lines
    assert lines.endswith("\r\n")
    assert "credentials" not in lines


def asked(origins: set[str], method: str, fields: list[tuple[str, str]], target: str = CHAT) -> Any:
    async def main() -> Any:
        async with scripted(lambda exchange: Reply(200, [], b"{}"), cors_origins=frozenset(origins)) as door:
            return await door.ask(method, target, fields, b"{}" if method == "POST" else b"")

    return run(main())


def test_a_preflight_says_what_may_be_sent() -> None:
    answer = asked(
        {PAGE}, "OPTIONS", [("Origin", PAGE), ("Access-Control-Request-Headers", "authorization,x-stainless-os")]
    )
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-methods"] == "POST, OPTIONS"
    assert answer.headers["access-control-allow-headers"] == "authorization,x-stainless-os"
    assert "content-length" not in answer.headers


def test_a_page_elsewhere_gets_no_leave() -> None:
    for method in ("OPTIONS", "POST"):
        answer = asked({PAGE}, method, [("Origin", "https://evil.example")])
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_off_by_default() -> None:
    answer = asked(set(), "OPTIONS", [("Origin", PAGE)])
    assert answer.status == 204
    assert answer.headers["allow"] == "POST, OPTIONS"
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("target", [CHAT, "/nowhere"])
def test_answers_and_refusals_alike_can_be_read_by_the_page(target: str) -> None:
    answer = asked({PAGE}, "POST", [("Origin", PAGE)], target)
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "x-request-id" in answer.headers["access-control-expose-headers"]


def test_options_without_an_origin_and_of_everything() -> None:
    async def main() -> None:
        async with scripted(lambda exchange: Reply(200, [], b"")) as door:
            assert (await options(door, "*")).headers["allow"] == "GET, POST, OPTIONS"
            assert (await options(door, "/v1/files")).headers["allow"].startswith("GET, POST")

    async def options(door: Door, target: str) -> Any:
        answer = await door.ask("OPTIONS", target)
        assert answer.status == 204
        return answer

    run(main())
