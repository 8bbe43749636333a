import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from penstock import __version__
from penstock.cli import main as module
from penstock.cli.failure import Failure
from penstock.cli.main import COMMANDS, Command, main

HEAVY = ("argparse", "asyncio", "httptools", "importlib.metadata", "logging", "msgspec", "ssl", "uvloop", "yaml")


def test_version_imports_nothing_heavy() -> None:
    program = (
        "import sys; before = set(sys.modules)\n"
        "from penstock.cli.main import main\n"
        "main(['--version'])\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", _at_source(program)], capture_output=True, text=True, check=True)
    version, loaded = done.stdout.splitlines()
    assert version.removesuffix(" (compiled)") == f"penstock {__version__}"
    assert not set(loaded.split()) & set(HEAVY)


def test_version_says_which_form_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("cli", "core"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(module, "__file__", str(tmp_path / "cli" / "main.py"))
    (tmp_path / "core" / "call.py").touch()
    assert main(["--version"]) == 0
    (tmp_path / "core" / "call.cpython-311-x86_64-linux-gnu.so").touch()
    assert main(["-V"]) == 0
    assert capsys.readouterr().out == f"penstock {__version__}\npenstock {__version__} (compiled)\n"


def _at_source(program: str) -> str:
    import penstock

    folder = penstock.__path__[0].rpartition("/")[0]
    return f"import sys; sys.path.insert(0, {folder!r})\n{program}"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_names_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    out = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert f"  {name}" in out
        assert command.help in out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there(name: str) -> None:
    place, _, function = COMMANDS[name].place.partition(":")
    assert find_spec(place) is not None
    assert function == "main"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["help", name])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: penstock {name}")


def test_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chek"]) == 2
    assert capsys.readouterr().err == 'penstock: there is no command "chek"; did you mean "check"?\n'
    assert main(["zzz"]) == 2
    assert "--help" in capsys.readouterr().err


def test_how_a_command_ends(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def ends_with(ending: BaseException | int) -> int:
        def command(arguments: list[str]) -> int:
            assert arguments == ["a"]
            if isinstance(ending, int):
                return ending
            raise ending

        monkeypatch.setattr(module, "_load", lambda place: command)
        return main(["x", "a"])

    monkeypatch.setitem(COMMANDS, "x", Command("nowhere:main", "for a test"))
    assert ends_with(0) == 0
    assert ends_with(Failure("it failed")) == 1
    assert ends_with(Failure("wrong\nconfig", 2)) == 2
    assert ends_with(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "it failed\nwrong\nconfig\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    program = (
        "from penstock.cli.main import COMMANDS, Command, main\n"
        "COMMANDS.update({str(n): Command('', 'x' * 99) for n in range(9999)})\n"
        "assert main(['--help']) == 1"
    )
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" | head -1', sys.executable, _at_source(program)], capture_output=True, text=True
    )
    assert done.stdout.startswith("penstock:")
    assert done.stderr == ""
