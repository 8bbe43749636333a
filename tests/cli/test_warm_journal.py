import json
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.cli.main import main
from penstock.journal.warming import TAG
from tests.support.cached_gateway import CachedGateway, cached_gateway


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[CachedGateway]:
    monkeypatch.delenv("PENSTOCK_API_KEY", raising=False)
    monkeypatch.delenv("PENSTOCK_CONFIG", raising=False)
    with cached_gateway() as gateway:
        yield gateway


def journal_row(prompt: str, **more: Any) -> dict[str, Any]:
    body = {"model": "m", "messages": [{"role": "user", "content": prompt}], "temperature": 0}
    return {"operation": "chat", "model": "m", "asked": "m", "scope": "key-1", "cache": "miss", "tags": "",
            "body": body} | more  # fmt: skip


def page(*rows: dict[str, Any], next: str = "", **more: Any) -> dict[str, Any]:
    return {"rows": list(rows), "next": next, "enabled": True, "prompts": True, "asker": "key-1"} | more


def from_journal(gateway: CachedGateway, *options: str) -> int:
    return main(["warm", "--url", gateway.url, "--from-journal", *options])


def test_the_commonest_patterns_are_warmed_page_by_page(gateway: CachedGateway, capsys: Any) -> None:
    gateway.journal = {
        "": page(*[journal_row(f"where is order {n}?") for n in (1, 2, 2)], journal_row("rare"), next="9"),
        "9": page(journal_row("tell me a joke"), journal_row("tell me a joke"), journal_row("where is order 2?")),
    }
    assert from_journal(gateway, "--top", "2") == 0
    assert sorted(gateway.prompts()) == ["tell me a joke", "where is order 2?"]
    assert capsys.readouterr().out.startswith("2 warmed")
    assert from_journal(gateway, "--top", "2", "--per-pattern", "8") == 0
    assert sorted(gateway.prompts()) == ["tell me a joke", "where is order 1?", "where is order 2?"]


def test_only_prompts_of_the_scope_that_is_meant_are_asked(gateway: CachedGateway, capsys: Any) -> None:
    gateway.journal = {"": page(journal_row("mine"), journal_row("theirs", scope="key-2"))}
    assert from_journal(gateway) == 0
    assert gateway.prompts() == ["mine"]
    assert from_journal(gateway, "--scope", "key-2") == 0
    assert gateway.prompts() == ["mine", "theirs"]
    gateway.journal = {"": page(journal_row("theirs", scope="key-2"))}
    assert from_journal(gateway) == 1
    assert "key-2 (1)" in capsys.readouterr().err


def test_what_cannot_be_cached_or_was_warmed_makes_no_pattern(gateway: CachedGateway, capsys: Any) -> None:
    gateway.journal = {"": page(journal_row("a", cache="bypass"), journal_row("b", tags=f"x,{TAG}"))}
    assert from_journal(gateway) == 1
    assert "no prompt that could be warmed yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (page(prompts=False), "journal: {prompts: true}"),
        (page(enabled=False), "Set journal.enabled: true"),
        (page(), "come back when calls have been answered"),
        ({"rows": "?"}, "does not answer as a gateway does"),
    ],
)
def test_a_journal_that_does_not_help_is_told(
    gateway: CachedGateway, capsys: Any, told: dict[str, Any], expected: str
) -> None:
    gateway.journal = {"": told}
    assert from_journal(gateway) == 1
    assert expected in capsys.readouterr().err


def test_a_gateway_without_a_journal_is_told(gateway: CachedGateway, capsys: Any) -> None:
    assert from_journal(gateway) == 1
    assert "does not offer the journal" in capsys.readouterr().err
    gateway.admin_key = "sk-pen-admin"
    assert from_journal(gateway) == 1
    assert "--admin-key" in capsys.readouterr().err


def test_patterns_are_shown_without_what_a_terminal_would_obey(gateway: CachedGateway, capsys: Any) -> None:
    gateway.journal = {"": page(journal_row("clear \x1b[2J\u202e now\nplease", model="m\x07"))}
    assert from_journal(gateway, "--dry-run") == 0
    told = capsys.readouterr().out
    assert "clear" in told
    assert not {"\x1b", "\x07", "\u202e"} & set(told)
    assert from_journal(gateway, "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["count"] == 1
    assert gateway.asked == []
