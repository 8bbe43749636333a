import json
from pathlib import Path

import pytest

from penstock.cli.failure import Failure
from penstock.cli.options import config_path, load_config, parser, print_json, with_verb
from penstock.edge.config import ListenConfig
from penstock.routing.config import RoutingConfig


def test_which_config() -> None:
    assert config_path("a.yaml", {"PENSTOCK_CONFIG": "b.yaml"}) == "a.yaml"
    assert config_path(None, {"PENSTOCK_CONFIG": "b.yaml"}) == "b.yaml"
    assert config_path(None, {"PENSTOCK_CONFIG": ""}) is None
    assert config_path(None, {}) is None


def test_a_file_is_read_and_overridden(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("listen: {port: 1}\nupstreams: {e: {kind: echo}}\nmodels: {e: {upstreams: [e]}}")
    assert load_config(str(file), environ={}).of(ListenConfig).port == 1
    assert load_config(None, {"listen.port": "2"}, {"PENSTOCK_CONFIG": str(file)}).of(ListenConfig).port == 2


def test_no_file_is_the_environment() -> None:
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:9000/v1"}
    routing = load_config(None, environ=environ).of(RoutingConfig)
    assert routing.upstreams["openai"].base_url == "http://127.0.0.1:9000/v1"
    config = load_config(None, {"listen.port": "9000"}, environ)
    assert config.of(ListenConfig).port == 9000
    assert config.of(RoutingConfig).upstreams["openai"].base_url == "https://api.openai.com/v1"


def test_what_is_wrong_is_a_line_each(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("prot: 1\nstore: x")
    with pytest.raises(Failure) as caught:
        load_config(str(file), environ={})
    assert caught.value.status == 2
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [f"{file}:1", f"{file}:2"]
    with pytest.raises(Failure, match=r'command line: listen\.port = "x"'):
        load_config(None, {"listen.port": "x"}, {})


def test_options_are_not_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    wants = parser("x", "What it does.")
    wants.add_argument("--config")
    with pytest.raises(SystemExit):
        wants.parse_args(["--conf", "a"])
    assert "usage: penstock x" in capsys.readouterr().err


def test_a_command_with_verbs_does_the_first_where_none_is_named() -> None:
    assert with_verb([], "list") == ["list"]
    assert with_verb(["--json"], "list") == ["list", "--json"]
    for said in (["drain", "gpu-0"], ["--help"], ["-h"]):
        assert with_verb(said, "list") == said


def test_printed_json_says_all_and_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"é 😀": ["\x1b[2J", "\x9b31m", "\u202e", "\u2028", "\r\n\t\x7f", "\U000e0041"]}
    print_json(value)
    printed = capsys.readouterr().out
    assert json.loads(printed) == value
    assert "é 😀" in printed
    assert all(one.isprintable() or one == "\n" for one in printed)
