from penstock.alerts import store as module
from penstock.alerts.store import History
from tests.support.alerts import news
from tests.support.logs import ListLog, looped


@looped
async def test_closed_ones_of_all_and_open_ones_of_ours_are_known_again() -> None:
    log = ListLog()
    ours, theirs = History(log, "gw-1"), History(log, "gw-2")
    ours.write(news("opened", "a1"))
    ours.write(news("raised", "a1", "critical"))
    ours.write(news("opened", "a2"))
    theirs.write(news("opened", "a1"))
    theirs.write(news("opened", "a9"))
    theirs.write(news("closed", "a9", closed=5.0))
    ours.write(news("closed", "a2", closed=9.0))
    closed, still_open = await History(log, "gw-1").read()
    assert [one.id for one in closed] == ["a9", "a2"]
    assert [(one.id, one.severity) for one in still_open] == [("a1", "critical")]


@looped
async def test_it_reads_all_pages(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "PAGE", 3)
    log = ListLog()
    history = History(log, "gw")
    for number in range(8):
        history.write(news("closed", f"a{number}", closed=float(number)))
    closed, _ = await history.read()
    assert [one.id for one in closed] == [f"a{number}" for number in range(8)]
    assert log.reads == 3


@looped
async def test_rows_of_another_shape_are_passed_over() -> None:
    log = ListLog([b"", b"{}", b"\xff", b'{"gateway":"gw","alert":{"id":1}}'])
    history = History(log, "gw")
    history.write(news("closed"))
    closed, still_open = await history.read()
    assert ([one.id for one in closed], still_open) == (["a1"], [])


@looped
async def test_rows_that_went_while_they_were_read_are_done_without(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "PAGE", 1)
    log = ListLog()
    history = History(log, "gw")
    for number in range(3):
        history.write(news("closed", f"a{number}"))
    read = log.read

    async def trimmed(after: str, limit: int, wait: float = 0.0):  # type: ignore[no-untyped-def]
        if after:
            log.trim(3)
        return await read(after, limit, wait)

    monkeypatch.setattr(log, "read", trimmed)
    closed, _ = await history.read()
    assert [one.id for one in closed] == ["a0"]
