from typing import Any

import pytest

from penstock.memory.ledger import BoundedAccount
from penstock.streaming.backlog import Backlog
from penstock.streaming.config import StreamingConfig
from penstock.streaming.counts import Counts
from penstock.wire import pieces
from tests.support.streams import EMPTY, FINISH, said

TERMS = StreamingConfig(buffer=16 * 1024)


def backlog(bound: int = 1 << 20) -> tuple[Backlog, BoundedAccount, Counts]:
    account, counts = BoundedAccount("buffers", bound), Counts()
    return Backlog("chat", TERMS, account, counts), account, counts


def test_what_waits_is_counted_at_the_account() -> None:
    waiting, account, _ = backlog()
    for event in (said("a"), said("b"), FINISH):
        assert waiting.add(event) is not None
    assert waiting.size == account.held == len(said("a") + said("b") + FINISH)
    assert [piece.event for piece in waiting.pop(2)] == [said("a"), said("b")]
    assert waiting.size == account.held == len(FINISH)
    waiting.clear()
    assert waiting.size == account.held == 0


def test_a_full_account_refuses() -> None:
    waiting, account, _ = backlog(bound=10)
    assert waiting.add(said("a")) is None
    assert (waiting.size, account.held, account.refused) == (0, 0, 1)


def test_merging_and_dropping_give_bytes_back() -> None:
    waiting, account, counts = backlog()
    for event in (said("a"), said("b"), EMPTY, FINISH):
        waiting.add(event)
    waiting.drop("nonessential", lambda piece: piece.kind == "empty")
    waiting.merge()
    assert [piece.text for piece in waiting.pieces] == ["ab", ""]
    assert waiting.size == account.held == sum(len(piece.event) for piece in waiting.pieces)
    assert (counts.of("dropped", "nonessential"), counts.of("merged", "slow_reader")) == (1, 1)


def test_what_was_merged_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under pressure each event asks for it; those of some servers can never be merged (each has its own timings)."""
    waiting, _, counts = backlog()
    opened = 0

    def counting(*asked: Any) -> Any:
        nonlocal opened
        opened += 1
        return opening(*asked)

    opening = pieces._open
    monkeypatch.setattr(pieces, "_open", counting)
    for number in range(200):
        for text in "ab":
            waiting.add(said(text).replace(b'"id"', b'"timings":{"n":%d},"id"' % number))
        waiting.merge()
    assert [piece.text for piece in waiting.pieces] == ["ab"] * 200
    assert opened < 10 * 200
    waiting.pop(199)
    waiting.add(said("c").replace(b'"id"', b'"timings":{"n":199},"id"'))
    waiting.merge()
    assert [piece.text for piece in waiting.pieces] == ["abc"]
    assert counts.of("merged", "slow_reader") == 201


def test_levels_follow_the_share_of_the_bound() -> None:
    waiting, _, counts = backlog()
    seen = []
    while waiting.full < 1:
        waiting.add(said("x" * 500))
        if waiting.note_level() not in seen:
            seen.append(waiting.level)
            assert waiting.full >= {"normal": 0, "moderate": 0.7, "severe": 0.9}[waiting.level]
    assert seen == ["normal", "moderate", "severe"]
    assert counts.levels == {"normal": -1, "moderate": 0, "severe": 1}  # the stream itself is counted by its gate
    waiting.clear()
    assert counts.levels == {"normal": 0, "moderate": 0, "severe": 0}
