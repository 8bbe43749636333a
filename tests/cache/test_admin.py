"""What an operator sees and does; hostile text stays text."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from penstock.cache import service
from penstock.cache.admin import PATH, Admin
from penstock.cache.entry import Answer, mark
from penstock.cache.store import Shelf
from penstock.core.call import Call, Operation
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from tests.support.caching import answer, entry, id_of, shelf
from tests.support.shared_store import FakeStore, Shared

LOCAL = Operation("local", "openai", "", body="none", needs_model=False)


def admin() -> tuple[Admin, Shelf]:
    one = shelf()
    one.keep(entry("a", size=10, accesses=5), answer("alpha"))
    one.keep(entry("b", size=30, tags=("t",)), answer("beta"))
    one.keep(entry("c", size=20, model="n", tags=("t", "u")), answer("gamma"))
    return Admin(one), one


def ask(one: Admin, method: str, path: str, query: str = "") -> Any:
    body: Any = None
    call = Call(LOCAL, method, path, query.encode(), [], "127.0.0.1")
    exchange = Exchange("req_1", call, 0.0, 60.0, body)
    serve = one.all if path == PATH else one.one
    reply = asyncio.run(serve(exchange))  # type: ignore[arg-type]
    assert isinstance(reply.body, bytes)
    return json.loads(reply.body)


def names(told: Any) -> list[str]:
    return [row["id"] for row in told["entries"]]


def ids(text: str) -> list[str]:
    return [id_of(name).hex() for name in text]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "abc"), ("model=n", "c"), ("tag=t", "bc"), ("tag=t&model=m", "b"), ("limit=1&sort=size", "b"),
        ("sort=accesses&limit=1", "a"), (f"scope={(b's' * 8).hex()}", "abc"), ("classification=x", ""),
    ],
)  # fmt: skip
def test_search(query: str, found: str) -> None:
    one, _ = admin()
    told = ask(one, "GET", PATH, query)
    assert sorted(names(told)) == sorted(ids(found))
    assert told["cache"]["entries"] == 3


def test_one_is_shown_with_its_answer_as_text() -> None:
    one, kept = admin()
    told = ask(one, "GET", f"{PATH}/{id_of('a').hex()}")
    assert told["entry"]["id"] == id_of("a").hex()
    assert told["entry"]["held"]
    assert json.loads(told["answer"])["choices"][0]["message"]["content"] == "alpha"
    data = b'data: {"choices":[{"index":0,"delta":{"content":"<script>"}}]}\n\ndata: [DONE]\n\n'
    kept.keep(entry("s"), Answer(b"text/event-stream", data, mark(len(data), 0)))
    assert "<script>" in ask(one, "GET", f"{PATH}/{id_of('s').hex()}")["answer"]
    kept.keep(entry("l"), answer("x" * 100_000))
    assert ask(one, "GET", f"{PATH}/{id_of('l').hex()}")["cut"]


@pytest.mark.parametrize(("query", "gone"), [("model=n", "c"), ("tag=t", "bc"), ("all=true", "abc"), ("tag=none", "")])
def test_flush_and_what_it_would_do(query: str, gone: str) -> None:
    one, kept = admin()
    dry = ask(one, "DELETE", PATH, f"{query}&dry_run=true")
    assert (dry["dry_run"], sorted(dry["ids"])) == (True, sorted(ids(gone)))
    assert len(kept.directory) == 3
    told = ask(one, "DELETE", PATH, query)
    assert (told["dry_run"], told["deleted"], told["bytes"]) == (False, len(gone), dry["bytes"])
    assert sorted(kept.directory.entries) == sorted(id_of(name) for name in "abc" if name not in gone)
    assert kept.directory.evicted["flushed"] == len(gone)


def test_one_is_deleted() -> None:
    one, kept = admin()
    path = f"{PATH}/{id_of('a').hex()}"
    assert ask(one, "DELETE", path, "dry_run=true")["deleted"] == 1
    assert len(kept.directory) == 3
    gone = ask(one, "DELETE", path.replace(id_of("a").hex(), id_of("a").hex().upper()))
    assert (gone["ids"], gone["stored"]) == ([id_of("a").hex()], True)
    assert len(kept.directory) == 2
    for method in ("GET", "DELETE"):
        with pytest.raises(CallerError) as absent:
            ask(one, method, path)
        assert absent.value.status == 404


@pytest.mark.parametrize("away", [False, True])
def test_it_is_told_whether_the_store_knows(away: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = shelf(FakeStore(state := Shared()))
    kept.keep(entry("a"), answer())
    kept.keep(entry("b"), answer())
    state.away = away
    assert ask(Admin(kept), "DELETE", PATH, "all=true&dry_run=true")["stored"] is False  # there is nothing to store
    assert ask(Admin(kept), "DELETE", f"{PATH}/{id_of('a').hex()}")["stored"] is not away
    assert ask(Admin(kept), "DELETE", PATH, "all=true")["stored"] is not away
    state.slow, state.away = 60.0, False
    monkeypatch.setattr(service, "SETTLE_SECONDS", 0.01)
    assert ask(Admin(kept), "DELETE", PATH, "all=true")["stored"] is False


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("DELETE", PATH, ""),  # everything, by mistake
        ("DELETE", PATH, "dry_run=true"),
        ("DELETE", PATH, "all=yes"),
        ("DELETE", PATH, "modle=m"),  # a typo must not widen what goes
        ("DELETE", PATH, "model="),
        ("DELETE", PATH, "tag=t&tag=u"),  # which of the two?
        ("DELETE", PATH, "tag=t&limit=1"),  # nobody bounds what goes
        ("DELETE", PATH, "model=m&dry_run=perhaps"),
        ("DELETE", PATH, "model=a%0Ab"),
        ("GET", PATH, "limit=-1"),
        ("GET", PATH, "limit=x"),
        ("GET", PATH, "sort=id"),
        ("GET", PATH, "&".join(f"a{number}=1" for number in range(40))),
        ("GET", f"{PATH}/zz", ""),
        ("GET", f"{PATH}/", ""),
    ],
)
def test_what_says_nothing_known_is_refused(method: str, path: str, query: str) -> None:
    one, kept = admin()
    with pytest.raises(CallerError):
        ask(one, method, path, query)
    assert len(kept.directory) == 3


def test_the_command_line_asks_the_same() -> None:
    one, kept = admin()

    def answer_to(**question: Any) -> dict[str, Any]:
        return asyncio.run(one.answer(question))

    assert len(answer_to(do="list", asked={"tag": "t"})["entries"]) == 2
    assert answer_to(do="show", id=id_of("a").hex())["entry"]["model"] == "m"
    assert answer_to(do="flush", asked={"model": "m", "dry_run": "true"})["deleted"] == 2
    assert answer_to(do="delete", id=id_of("a").hex())["deleted"] == 1
    assert answer_to(do="flush", asked={"model": "m"})["deleted"] == 1
    assert len(kept.directory) == 1
    refused = answer_to(do="flush", asked={})
    assert (refused["ok"], refused["status"]) == (False, 400)
    assert answer_to(do="show", id="nothing")["code"] == "entry_not_found"
