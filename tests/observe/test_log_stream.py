import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.observe.log_stream import LogStream, current_stream, install, line_of, set_level


@pytest.fixture(autouse=True)
def _logger_as_before() -> Iterator[None]:
    logger, root = logging.getLogger("penstock"), logging.getLogger()
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    others = root.handlers[:]
    yield
    root.handlers[:] = others
    for handler in logger.handlers:
        if handler not in handlers:
            handler.close()
            if isinstance(handler, LogStream) and handler.stream is not sys.stderr:
                handler.stream.close()
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_messages_become_lines_of_json(tmp_path: Path) -> None:
    path = tmp_path / "penstock.log"
    install(str(path), "info")
    log = logging.getLogger("penstock.part")
    log.info("hello %s", "wörld\nnext")
    log.debug("not this")
    try:
        raise KeyError("why")
    except KeyError:
        log.exception("it failed")
    hello, failed = rows(path)
    assert (hello["message"], hello["level"], hello["logger"]) == ("hello wörld\nnext", "info", "penstock.part")
    assert "KeyError: 'why'" in failed["traceback"]


def test_installing_again_replaces_the_first(tmp_path: Path) -> None:
    first = install(str(tmp_path / "a.log"), "info")
    install(str(tmp_path / "b.log"), "warning")
    first.stream.close()
    logging.getLogger("penstock").warning("once")
    assert (tmp_path / "a.log").read_text() == ""
    assert len(rows(tmp_path / "b.log")) == 1


def test_the_level_may_change() -> None:
    install(None, "error")
    set_level("debug")
    assert logging.getLogger("penstock").isEnabledFor(logging.DEBUG)
    set_level("warning")
    assert not logging.getLogger("penstock").isEnabledFor(logging.INFO)


def test_after_a_rotation_lines_go_to_the_new_file(tmp_path: Path) -> None:
    path, old = tmp_path / "penstock.log", tmp_path / "penstock.log.1"
    stream = install(str(path), "info")
    log = logging.getLogger("penstock")
    log.info("first")
    path.rename(old)
    log.info("still the old")
    stream.reopen()
    log.info("new")
    assert [row["message"] for row in rows(old)] == ["first", "still the old"]
    assert [row["message"] for row in rows(path)] == ["new"]


def test_a_rotation_that_fails_keeps_the_old_file(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    stream = install(str(folder / "penstock.log"), "info")
    folder.rename(tmp_path / "moved")
    with pytest.raises(OSError, match="No such file"):
        stream.reopen()
    logging.getLogger("penstock").info("goes on")
    assert len(rows(tmp_path / "moved" / "penstock.log")) == 1


def test_a_path_that_cannot_be_opened_says_so_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        install(str(tmp_path / "none" / "penstock.log"), "info")


def test_the_access_log_writes_where_messages_go(tmp_path: Path) -> None:
    stream = install(str(tmp_path / "penstock.log"), "info")
    assert current_stream() is stream.stream
    install(None, "info")
    assert current_stream() is sys.stderr
    stream.stream.close()


def test_without_a_file_it_follows_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    install(None, "info")
    logging.getLogger("penstock").info("shown")
    assert json.loads(capsys.readouterr().err)["message"] == "shown"


def test_a_line_of_a_plain_record() -> None:
    record = logging.LogRecord("penstock", logging.WARNING, "f.py", 1, "a %d", (1,), None)
    record.created = 1_800_000_000.5
    assert json.loads(line_of(record)) == {
        "time": "2027-01-15T08:00:00.500+00:00",
        "level": "warning",
        "event": "message",
        "logger": "penstock",
        "message": "a 1",
    }


def test_what_is_about_a_call_names_it_and_repeats_nothing() -> None:
    def record(**extra: object) -> dict[str, str]:
        try:
            try:
                raise KeyError("a prompt")
            except KeyError as error:
                raise ValueError("a prompt, too") from error
        except ValueError:
            made = logging.LogRecord("penstock", logging.ERROR, "x.py", 1, "it failed", (), sys.exc_info())
        vars(made).update(extra)
        row: dict[str, str] = json.loads(line_of(made))
        return row

    assert "a prompt, too" in record()["traceback"]
    told = record(request="req_1")
    assert told["request"] == "req_1"
    assert "a prompt" not in told["traceback"].replace('raise KeyError("a prompt")', "").replace(
        'raise ValueError("a prompt, too")', ""
    )
    assert told["traceback"].index("ValueError") < told["traceback"].rindex("KeyError")
    silent = record(request="")
    assert "request" not in silent
    assert "which came of" in silent["traceback"]


def test_libraries_log_there_too_once(tmp_path: Path) -> None:
    install(str(tmp_path / "a.log"), "info").stream.close()
    install(str(tmp_path / "b.log"), "info")
    logging.getLogger("asyncio").warning("lost")
    logging.getLogger("penstock").warning("ours")
    assert [row["logger"] for row in rows(tmp_path / "b.log")] == ["asyncio", "penstock"]
