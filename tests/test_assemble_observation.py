import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock import assemble_observation
from penstock.assemble_observation import FLUSHES, MOST_HELD, install_logs, log_file, observation
from penstock.config import Config
from penstock.core.finished import Finished, Record
from penstock.observe.config import ObserveConfig
from tests.support.exchanges import finished


@pytest.fixture(autouse=True)
def _logger_as_before() -> Iterator[None]:
    logger, root = logging.getLogger("penstock"), logging.getLogger()
    before = [(one, one.handlers[:], one.level, one.propagate) for one in (logger, root)]
    yield
    for one, handlers, level, propagate in before:
        for handler in set(one.handlers) - set(handlers):
            stream = getattr(handler, "_file", None)
            if stream is not None:
                stream.close()
            handler.close()
        one.handlers[:], one.propagate = handlers, propagate
        one.setLevel(level)


def config(**observe: object) -> Config:
    return Config.parse("", "c.yaml", {}).replace(ObserveConfig(**observe))  # type: ignore[arg-type]


def test_what_was_counted_and_remembered_survives_a_reload() -> None:
    observed = observation(lambda: 5.0)
    assert observed is not None
    observed.follow(config(recent=10))
    for number in range(10):
        observed.take(finished(id=str(number)))
    observed.hand_on()
    observed.follow(config(recent=3))
    assert [row["id"] for row in observed.recent.rows()] == ["9", "8", "7"]
    assert sum(tally.calls for tally in observed.board.tallies.values()) == 10


def test_who_measures_is_given_the_records_of_all_calls_many_together() -> None:
    observed = observation(lambda: 5.0)
    assert observed is not None
    given: list[list[Record]] = []
    observed.takers.append(given.append)
    observed.take(finished(id="a"))
    observed.take(finished(id="b"))
    observed.flush()
    assert given == [], "a little later, with more"
    for _ in range(FLUSHES):
        observed.flush()
    assert [[Finished._make(row).id for row in rows] for rows in given] == [["a", "b"]]
    for _ in range(MOST_HELD):
        observed.take(finished())
    assert [len(rows) for rows in given] == [2, MOST_HELD], "a burst is handed on before it grows"


def test_who_adds_up_waits_for_many_but_is_given_all() -> None:
    observed = observation(lambda: 5.0)
    assert observed is not None
    given: list[int] = []
    observed.counters.append(lambda those: given.append(sum(sheaf.number for sheaf in those)))
    observed.take(finished())
    for _ in range(3 * FLUSHES):
        observed.flush()
    assert len(observed.recent.rows()) == 1
    assert given == []
    observed.hand_on()
    observed.hand_on()
    assert given == [1]
    for _ in range(MOST_HELD + 1):
        observed.take(finished())
    assert given == [1, MOST_HELD], "they do not pile up"
    observed.dump()
    assert given == [1, MOST_HELD, 1], "who asks is told of all"


def test_what_is_logged_follows_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "penstock.log"
    observed = observation(lambda: 5.0)
    assert observed is not None
    install_logs(config(log_file=str(path)))
    for number, access_log in enumerate(("all", "errors")):
        observed.follow(config(access_log=access_log))
        observed.log.note(finished(id=f"call-{number}"))
    observed.flush()
    assert "call-0" in path.read_text()
    assert "call-1" not in path.read_text()
    observed.follow(config(log_level="error"))
    assert not logging.getLogger("penstock").isEnabledFor(logging.WARNING)


def test_logs_go_where_configured_and_can_be_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "penstock.log"
    made = config(log_file=str(path))
    reopen = install_logs(made)
    assert log_file(made) == str(path)
    path.rename(tmp_path / "old")
    reopen()
    logging.getLogger("penstock").info("after")
    assert "after" in path.read_text()


def test_a_log_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        install_logs(config(log_file=str(tmp_path / "none" / "x.log")))


def test_without_the_slice_nothing_is_observed_and_messages_still_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble_observation, "_is_installed", lambda: False)
    made = config(log_file="/nowhere/at/all.log")
    assert observation(lambda: 5.0) is None
    assert log_file(made) is None
    install_logs(made)()
    assert logging.getLogger().handlers
