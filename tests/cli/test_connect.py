import json
from pathlib import Path

import pytest

from penstock.cli.main import main
from penstock.cli.recipes import RECIPES


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PENSTOCK_API_KEY", "PENSTOCK_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["connect", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def test_without_a_client_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connect"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in RECIPES)
    assert main(["connect", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == list(RECIPES)


@pytest.mark.parametrize("client", RECIPES)
def test_every_client(client: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connect", client, "--url", "http://g:1", "--key", "sk-pen-k", "--model", "m"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"# {RECIPES[client].title}\n")
    assert "http://g:1" in out
    assert "sk-pen-k" in out
    assert "YOUR-KEY" not in out


@pytest.mark.parametrize("url", ["http://g:1", "http://g:1/", "http://g:1/v1", "http://g:1/v1/"])
def test_the_address_may_have_v1_or_not(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    environment = told(capsys, "aider", "--url", url, "--model", "m")["environment"]
    assert isinstance(environment, dict)
    assert environment["OPENAI_API_BASE"] == "http://g:1/v1"


@pytest.mark.parametrize("url", ["g:1", "ftp://g", "http://", "http://a b", "http://a\n"])
def test_an_address_that_is_none(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connect", "curl", "--url", url, "--model", "m"]) == 2
    assert "is not an address" in capsys.readouterr().err


def test_a_key_that_cannot_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connect", "curl", "--url", "http://g", "--model", "m", "--key", "a\nb"]) == 2
    assert "control characters" in capsys.readouterr().err


def test_the_key_of_the_environment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PENSTOCK_API_KEY", "sk-pen-env")
    assert "sk-pen-env" in str(told(capsys, "curl")["then"])


def test_without_a_key_it_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connect", "curl"]) == 0
    assert "penstock keys new" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("{}", "http://127.0.0.1:8400"),
        ("{host: 0.0.0.0, port: 1}", "http://127.0.0.1:1"),
        ("{host: '::', port: 1}", "http://[::1]:1"),
        ("{host: 'fd00::1', port: 1}", "http://[fd00::1]:1"),
        ("{host: gw.example}", "http://gw.example:8400"),
    ],
)
def test_address_and_model_of_the_config(
    listen: str, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        f"listen: {listen}\nupstreams: {{e: {{kind: echo}}}}\n"
        "models: {echo: {upstreams: [e]}, 'x/*': {upstreams: [e]}, llama: {upstreams: [e]}}"
    )
    then = str(told(capsys, "curl", "--config", str(file))["then"])
    assert f"curl '{address}/" in then or f"curl {address}/" in then
    assert '"model": "llama"' in then
