import argparse
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.caller import Answer, Caller, Unreachable, callers, root_of, shown
from penstock.cli.failure import Failure
from tests.support.cached_gateway import cached_gateway


@given(st.text())
def test_shown_text_is_one_line_that_a_terminal_takes_for_text(text: str) -> None:
    line = shown(text, 50)
    assert line.isprintable()
    assert len(line) <= 50


def test_text_that_is_harmless_is_shown_as_it_is() -> None:
    assert shown("Grüße, 世界 🙂") == "Grüße, 世界 🙂"
    assert shown("a\x1b[2Jb\nc") == "a [2Jb c"
    assert shown("x" * 400) == "x" * 299 + "…"


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://h:8400", "http://h:8400"), ("https://h/v1/", "https://h"), ("http://[::1]:1/v1", "http://[::1]:1"),
        ("http://h/penstock/", "http://h/penstock"),
    ],
)  # fmt: skip
def test_an_address(url: str, root: str) -> None:
    assert root_of(url) == root


@pytest.mark.parametrize(
    "url",
    [
        "", "h:8400", "ftp://h", "http://", "http://h:port", "http://h:0", "http://u:p@h", "http://h\n", "http://[",
        "http://ü",
    ],
)  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(Failure, match="is not an address") as caught:
        root_of(url)
    assert caught.value.status == 2


def test_an_answer_and_its_error() -> None:
    with cached_gateway() as gateway:
        gateway.key = "sk-pen-right"
        answer = Caller(gateway.url, "sk-pen-wrong").ask("GET", "/admin/v1/status")
        assert (answer.status, answer.code) == (401, "invalid_api_key")
        assert answer.said == "401: The API key is not one of this gateway's."
        good = Caller(gateway.url, "sk-pen-right").ask("GET", "/admin/v1/status")
        assert (good.status, good.value["workers"][0]["in_flight"]) == (200, 0)


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b"", "", "status 500"), (b"[]", "", "status 500"), (b'{"error": "x"}', "", "status 500"),
        (b"[" * 100_000, "", "status 500"), (b"\xff", "", "status 500"),
        (b'{"error": {"message": "a\\u001b[2J", "code": 7}}', "7", "500: a [2J"),
    ],
)  # fmt: skip
def test_answers_that_are_none_of_ours(body: bytes, code: str, said: str) -> None:
    answer = Answer(500, {}, body)
    assert (answer.code, answer.said) == (code, said)


@pytest.mark.parametrize(
    ("text", "seconds"), [("3", 3.0), ("1.5", 1.5), ("", None), ("soon", None), ("-1", None), ("9" * 20, None)]
)
def test_when_to_come_back(text: str, seconds: float | None) -> None:
    assert Answer(429, {"retry-after": text}, b"").retry_after == seconds


def test_nobody_there() -> None:
    with pytest.raises(Unreachable, match="cannot be reached"):
        Caller("http://127.0.0.1:9", "").ask("GET", "/")


def test_keys_come_from_options_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(**options: Any) -> tuple[Any, Any]:
        given = {"url": "http://h", "config": None, "key": None, "admin_key": None} | options
        calls, admin = callers(argparse.Namespace(**given))
        return calls.key, admin.key

    monkeypatch.delenv("PENSTOCK_API_KEY", raising=False)
    assert made() == ("", "")
    monkeypatch.setenv("PENSTOCK_API_KEY", "env")
    assert made() == ("env", "env")
    assert made(key="own", admin_key="adm") == ("own", "adm")
    for wrong in ("a\nb", "ü", "a b"):
        with pytest.raises(Failure, match="printable") as caught:
            made(key=wrong)
        assert wrong not in str(caught.value)


def test_the_address_comes_from_the_config(tmp_path: Any) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("listen: {host: '::', port: 8411}\nauth: {mode: keys}\n")
    options = argparse.Namespace(url=None, config=str(path), key="k", admin_key=None)
    assert callers(options)[0].root == "http://[::1]:8411"
