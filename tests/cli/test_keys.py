import json
from pathlib import Path

import pytest

from penstock.auth.store import KeyStore
from penstock.cli.main import main


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("PENSTOCK_CONFIG", raising=False)
    return tmp_path / "penstock" / "keys.json"


def opened(file: Path) -> KeyStore:
    store = KeyStore(str(file))
    store.open(create=False)
    return store


def test_a_new_key_stands_alone_on_standard_output(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", "ci"]) == 0
    captured = capsys.readouterr()
    secret = captured.out.strip()
    assert secret not in captured.err
    key = opened(file).ring.find(secret.encode())
    assert key is not None
    assert (key.name, key.rights) == ("ci", ("call",))


@pytest.mark.parametrize(("flag", "rights"), [("--admin", ["call", "admin"]), ("--admin-only", ["admin"])])
def test_rights(file: Path, flag: str, rights: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", "boss", flag, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rights"] == rights
    assert opened(file).ring.find(told["key"].encode()) is not None


def test_class_and_weight(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", "live", "--priority", "high", "--weight", "4", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["priority"], told["weight"]) == ("high", 4)
    (key,) = opened(file).keys
    assert (key.priority, key.weight) == ("high", 4)
    assert main(["keys", "new", "none", "--weight", "0"]) != 0
    assert "between 1 and 1000" in capsys.readouterr().err


def test_list_shows_all_but_the_keys(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["keys", "new", "one"])
    secret = capsys.readouterr().out.strip()
    main(["keys", "new", "two"])
    main(["keys", "revoke", "two"])
    capsys.readouterr()
    assert main(["keys", "list"]) == 0
    out = capsys.readouterr().out
    assert secret not in out
    assert [line.split()[1] for line in out.splitlines()[2:]] == ["one", "two"]
    assert main(["keys", "list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(key["name"], key["revoked"] is not None) for key in told] == [("one", False), ("two", True)]
    assert not any("hash" in key or "key" in key for key in told)


def test_revoke(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["keys", "new", "ci"])
    secret = capsys.readouterr().out.strip()
    assert main(["keys", "revoke", "ci"]) == 0
    assert "is revoked" in capsys.readouterr().out
    assert opened(file).ring.find(secret.encode()) is None


def test_failures_are_one_line_and_exit_1(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["list"], ["revoke", "nobody"], ["new", ""]):
        assert main(["keys", *arguments]) == 1
        err = capsys.readouterr().err
        assert err.startswith("penstock keys: ")
        assert err.count("\n") == 1


def test_another_key_file(tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other" / "keys.json"
    config = tmp_path / "c.yaml"
    config.write_text("auth: {key_file: other/keys.json}")
    assert main(["keys", "new", "a", "--key-file", str(other)]) == 0
    assert main(["keys", "new", "b", "--config", str(config)]) == 0
    assert [key.name for key in opened(other).keys] == ["a", "b"]
    assert not file.exists()
