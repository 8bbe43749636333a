import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.cli.main import main
from penstock.cli.screen import ENTER, LEAVE
from tests.support.asked_gateway import AskedGateway
from tests.support.reports import now, shown, status, told
from tests.support.running_gateway import environment
from tests.support.terminal import Terminal, penstock, terminal

PORT = ["--port", "9126"]
TOP = ["top", *PORT, "--every", "200ms"]


@pytest.fixture
def gateway(gateway: AskedGateway, monkeypatch: pytest.MonkeyPatch) -> AskedGateway:
    monkeypatch.setenv("COLUMNS", "80")
    one = now()
    seen = {name: told()[name] for name in ("alerts", "bottlenecks", "objectives", "absent")}
    gateway.given["leader"] = {**seen, "summary": one["summary"], "anomalies": one["anomalies"]}
    gateway.given["status"] = status()
    return gateway


@pytest.fixture
def outer() -> Iterator[Terminal]:
    with terminal() as made:
        yield made


def settings(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path, {"XDG_RUNTIME_DIR": str(tmp_path), "TERM": "xterm"})


def test_once(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", *PORT]) == 0
    assert capsys.readouterr().out == shown()["top.txt"]
    assert ("leader", {"part": "report", "question": {"view": "now"}}) in gateway.asked
    assert main(["top", *PORT]) == 0  # no terminal
    assert capsys.readouterr().out == shown()["top.txt"]


def test_as_json(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--json", *PORT]) == 0
    assert json.loads(capsys.readouterr().out) == now()


def test_a_gateway_that_judges_nothing_is_shown_all_the_same(
    gateway: AskedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.given["leader"] = {"problems": ["report is not installed here"], "status": 404}
    assert main(["top", "--once", *PORT]) == 0
    said = capsys.readouterr().out
    assert "in flight 24" in said
    assert "report is not installed here not known" in said


def test_wrong_use_and_nobody_there(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--every", "soon", *PORT]) == 2
    gateway.end()
    assert main(["top", "--once", *PORT]) == 1
    assert "no gateway of this user runs on port 9126" in capsys.readouterr().err


def test_live_sorted_by_a_key_and_ended_by_another(gateway: AskedGateway, outer: Terminal, tmp_path: Path) -> None:
    with penstock(outer, settings(tmp_path), *TOP) as child:
        outer.expect(ENTER)
        outer.expect("serving in part")
        outer.expect("model (by calls)")
        outer.press("s")
        outer.expect("model (by failed)")
        outer.press("q")
        outer.expect(LEAVE)
        assert child.wait(20) == 0
    assert outer.settings == outer.before


@pytest.mark.parametrize("how", ["key", signal.SIGTERM, signal.SIGHUP])
def test_it_leaves_the_terminal_as_it_was(
    gateway: AskedGateway, outer: Terminal, tmp_path: Path, how: str | signal.Signals
) -> None:
    with penstock(outer, settings(tmp_path), *TOP) as child:
        outer.expect("q quits")
        if isinstance(how, signal.Signals):
            child.send_signal(how)
        else:
            outer.press("\x03")
        outer.expect(LEAVE)
        assert child.wait(20) == 130
    assert outer.settings == outer.before


def test_it_fills_the_terminal_as_its_size_changes(gateway: AskedGateway, outer: Terminal, tmp_path: Path) -> None:
    with penstock(outer, settings(tmp_path), *TOP):
        outer.expect("q quits")
        outer.expect("\x1b[H")
        assert outer.expect("\x1b[J").count("\r\n") == 23
        outer.resize(120, 40)
        while outer.expect("\x1b[J").count("\r\n") != 39:
            pass


def test_a_gateway_that_ends_is_told_and_the_last_picture_stays(
    gateway: AskedGateway, outer: Terminal, tmp_path: Path
) -> None:
    with penstock(outer, settings(tmp_path), *TOP):
        outer.expect("q quits")
        gateway.end()
        before = outer.expect("no gateway of this user runs on port 9126")
        assert "serving in part" in before
