import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from penstock.cli import demo
from penstock.cli.main import main
from penstock.demo.programme import SCENES

ROOT = Path(__file__).parents[2]


def test_scenes_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--list"]) == 0
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines()] == list(SCENES)


def test_a_scene_is_played_and_the_status_says_whether_it_showed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["demo", "--fast", "--no-color", "--scene", "optimizer", "--scene", "optimizer"]) == 0
    said = capsys.readouterr().out
    assert "1/1  An optimization is tried, and kept" in said
    assert re.search(r"1 of 1 scenes showed what they claim, in \d+ s", said)
    assert "\x1b" not in said

    async def nothing(names: list[str], *_: object) -> dict[str, bool]:
        return dict.fromkeys(names, False)

    monkeypatch.setattr(demo, "_tour", nothing)
    assert main(["demo", "--scene", "cache"]) == 1
    assert "not shown: cache" in capsys.readouterr().out


def test_an_unknown_scene_is_a_wrong_command_line() -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["demo", "--scene", "opera"])


def test_after_ctrl_c_nothing_is_left() -> None:
    argv = [sys.executable, "-m", "penstock", "demo", "--fast", "--scene", "spike"]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as played:
        assert played.stdout is not None
        assert any("A spike of callers" in line for line in played.stdout)
        children = psutil.Process(played.pid).children(recursive=True)
        assert len(children) >= 3
        played.send_signal(signal.SIGINT)
        _, errors = played.communicate(timeout=30)
        assert played.returncode == 130
        assert errors == ""
    _gone, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
