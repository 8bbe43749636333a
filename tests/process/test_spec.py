import os
from pathlib import Path

import msgspec
import pytest

from penstock.config import Config, ConfigError
from penstock.edge.config import ListenConfig
from penstock.process.spec import LastReading, Source, Spec
from penstock.routing.config import RoutingConfig
from penstock.routing.live import Edit, Live

ECHO = "upstreams: {echo: {kind: echo}}\nmodels: {echo: {upstreams: [echo]}}\n"


def test_a_file_with_the_command_line_on_top(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("listen: {port: 1, host: 127.0.0.2}\n" + ECHO)
    listen = Source(str(path), port=9000, workers=3).read().parse({}).of(ListenConfig)
    assert (listen.host, listen.port, listen.workers) == ("127.0.0.2", 9000, 3)


def test_a_spec_travels_as_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("\ufeff" + ECHO, encoding="utf-8")  # as some editors begin a file
    spec = Source(str(path), "127.0.0.1").read()
    path.write_text("changed since")
    again = msgspec.convert(msgspec.json.decode(msgspec.json.encode(spec)), Spec)
    assert again == spec
    assert list(again.parse({}).of(RoutingConfig).models) == ["echo"]


def test_what_was_changed_live_is_in_force_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(ECHO)
    spec = Source(str(path)).read()
    live = Live({"echo": Edit(base="", weight=7)})
    changed = msgspec.structs.replace(spec, live=live)
    assert changed.parse({}).of(RoutingConfig).upstreams["echo"].weight == 7
    assert changed.written({}).of(RoutingConfig).upstreams["echo"].weight == 1
    again = msgspec.convert(msgspec.json.decode(msgspec.json.encode(changed)), Spec)
    assert again == changed


def test_a_text_is_read_once_for_all_its_live_changes_and_anew_with_each_reading(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    secret = tmp_path / "secret"
    secret.write_text("one")
    path.write_text("upstreams: {x: {kind: openai, api_key: '${file:secret}'}}\nmodels: {m: {upstreams: [x]}}\n")
    source, last = Source(str(path)), LastReading({})
    spec = source.read()
    written = last.written(spec)
    secret.write_text("two")
    live = msgspec.structs.replace(spec, live=Live({"x": Edit(base="", weight=2)}))
    assert last.written(live) is written
    assert last.in_force(live).of(RoutingConfig).upstreams["x"].weight == 2
    assert last.in_force(live) is last.in_force(live)
    assert last.in_force(spec) is written
    again = source.read()
    assert last.written(again).of(RoutingConfig).upstreams["x"].api_key == "two"
    path.write_text("upstreamz: {}")
    with pytest.raises(ConfigError):
        last.written(source.read())
    assert last.written(again).of(RoutingConfig).upstreams["x"].api_key == "two"


def test_without_a_file_the_environment_is_read_and_our_own_port_is_known() -> None:
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://localhost:9000/v1"}
    spec = Source(None, port=9000).read()
    assert spec.name == "the environment"
    config = spec.parse(environ)
    assert config.of(ListenConfig).port == 9000
    assert config.of(RoutingConfig).upstreams["openai"].base_url == "https://api.openai.com/v1"


def test_what_cannot_be_read_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"store: caf\xe9")
    (tmp_path / "huge").write_text("#" * (1024 * 1024 + 1))
    for name, complaint in (("none", "No such file"), (".", "directory"), ("latin", "not UTF-8 text")):
        with pytest.raises(ConfigError, match=complaint) as caught:
            Source(str(tmp_path / name)).read()
        assert caught.value.problems[0].startswith(str(tmp_path / name))
    with pytest.raises(ConfigError, match="larger than 1024 KiB"):
        Source(str(tmp_path / "huge")).read().parse({})


def test_the_mark_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    source = Source(str(path))
    assert source.mark() == (-1,)
    path.write_text("a")
    first = source.mark()
    assert source.mark() == first
    path.write_text("ab")
    second = source.mark()
    assert second != first
    os.replace(_written(tmp_path / "new", "cd"), path)  # as editors and mounted config maps do
    assert source.mark() != second
    assert Source(None).mark() == ()


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_what_was_read_before_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.yaml").write_text("listen: {port: 9000}\n")
    spec = Source(str(tmp_path / "c.yaml")).read()
    config = spec.parse({})
    reading = LastReading({})
    reading.know(spec, config)
    monkeypatch.setattr(Config, "parse", None)
    assert reading.written(spec) is config
    assert reading.in_force(spec) is config
