import sys
from pathlib import Path

import pytest
import yaml

from penstock import config as config_module
from penstock.auth.config import AuthConfig
from penstock.config import Config, ConfigError, Slice, StoreConfig, available_extras, known_sections
from penstock.edge.config import ListenConfig
from penstock.observe.config import ObserveConfig
from penstock.routing.config import RoutingConfig
from penstock.routing.upstream_config import UpstreamConfig

GOLDEN = sorted((Path(__file__).parent / "golden" / "config").glob("*.yaml"))
ENVIRON = {"OPENAI_API_KEY": "sk-s3cret", "KEY": "s3cret"}


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Config.parse(text, "c.yaml", ENVIRON)
    return caught.value.problems


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    """Lines ``#! 3: message`` at the end of a file are the problems expected; ``#? 3: message`` the warnings."""
    text = path.read_text()
    wanted = [f"{path}:{line[3:]}" for line in text.splitlines() if line.startswith("#! ")]
    cautions = [f"{path}:{line[3:]}" for line in text.splitlines() if line.startswith("#? ")]
    found, warnings = [], []
    try:
        warnings = Config.load(path, ENVIRON).warnings
    except ConfigError as error:
        found = error.problems
    assert (found, warnings) == (wanted, cautions)
    assert not any("s3cret" in line or "hunter2" in line for line in found)


def test_sections_are_found_by_their_type() -> None:
    config = Config.parse("listen: {port: 1}\nstore: memory\nupstreams: {e: {kind: echo}}", "c.yaml", {})
    assert config.of(ListenConfig).port == 1
    assert config.of(StoreConfig).store == "memory"
    assert config.of(AuthConfig).mode == "keys"
    assert config.of(RoutingConfig).upstreams == {"e": UpstreamConfig(kind="echo")}


def test_an_empty_file_is_all_defaults() -> None:
    config = Config.parse("", "c.yaml", {})
    assert config.of(ListenConfig) == ListenConfig()
    assert config.warnings == ["c.yaml:1: no models are configured: every call will be answered 404"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_open_is_allowed_on_loopback(host: str) -> None:
    assert Config.parse(f"auth: {{mode: open}}\nlisten: {{host: '{host}'}}", "c.yaml", {}).of(AuthConfig).mode == "open"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org"])
def test_open_is_refused_elsewhere(host: str) -> None:
    (line,) = problems(f"auth:\n  mode: open\nlisten: {{host: '{host}'}}")
    assert line.startswith("c.yaml:2: auth.mode open")


@pytest.mark.parametrize("store", ["memory", "sqlite", "sqlite:/var/x.db", "redis://h", "rediss://u:p@h:1/3"])
def test_stores(store: str) -> None:
    assert Config.parse(f"store: {store}", "c.yaml", {}).of(StoreConfig).store == store


@pytest.mark.parametrize("store", ["", "Memory", "sqlite:", "redis://", "redis://h/x", "postgres://h", "file"])
def test_what_is_no_store(store: str) -> None:
    assert problems(f"store: '{store}'")[0].startswith("c.yaml:1: store")


def test_dump_masks_secrets_and_reads_the_same_without() -> None:
    text = """
store: redis://me:hunter2@h/0
upstreams: {a: {kind: openai, api_key: "${KEY}", headers: {x: "${KEY}$${y}"}, proxy: "http://u:hunter2@p:1"}}
models: {m: {upstreams: [a]}}
"""
    config = Config.parse(text, "c.yaml", ENVIRON)
    masked = yaml.safe_dump(config.dump())
    assert "s3cret" not in masked
    assert "hunter2" not in masked
    again = Config.parse(yaml.safe_dump(config.dump(masked=False)), "d.yaml", {})
    assert again.dump(masked=False) == config.dump(masked=False)
    assert again.of(RoutingConfig) == config.of(RoutingConfig)
    assert again.of(RoutingConfig).upstreams["a"].headers == {"x": "s3cret${y}"}


def test_the_command_line_overrides() -> None:
    config = Config.parse("", "c.yaml", {}).override({"listen.port": "9000", "listen.host": "::1"})
    assert (config.of(ListenConfig).port, config.of(ListenConfig).host) == (9000, "::1")


def test_the_command_line_is_held_to_the_same_rules() -> None:
    config = Config.parse("auth: {mode: open}\nstore: memory", "c.yaml", {})
    with pytest.raises(ConfigError) as caught:
        config.override({"listen.port": "99999", "listen.workers": "x", "listen.host": "0.0.0.0"})
    first, second, third = caught.value.problems
    assert first == 'command line: listen.port = "99999": must be at most 65535'
    assert second == 'command line: listen.workers = "x": must be a whole number'
    assert third.startswith("command line: auth.mode open")
    warnings = config.override({"listen.workers": "2"}).warnings
    assert warnings[0].startswith("c.yaml:1: no models")
    assert warnings[1].startswith("command line: store memory is not shared")


def test_sections_can_be_replaced() -> None:
    config = Config.parse("auth: {mode: open}", "c.yaml", {})
    assert config.replace(ListenConfig(port=9000)).of(ListenConfig).port == 9000
    with pytest.raises(ConfigError, match=r"auth\.mode open"):
        config.replace(ListenConfig(host="0.0.0.0"))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"store: caf\xe9")
    for name, complaint in (("none", "No such file"), (".", "directory"), ("latin", "not UTF-8")):
        with pytest.raises(ConfigError, match=complaint):
            Config.load(tmp_path / name, {})


def test_without_a_file() -> None:
    config = Config.from_environment({"GROQ_API_KEY": "g"}, frozenset({"local"}))
    assert list(config.of(RoutingConfig).models) == ["echo", "smollm2", "groq/*"]
    assert config.warnings == []
    assert Config.parse(yaml.safe_dump(config.dump(False)), "c.yaml", {}).dump() == config.dump()


def test_our_own_port_is_known_without_a_file() -> None:
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://localhost:9000/v1"}
    config = Config.from_environment(environ, frozenset(), own_port=9000)
    assert config.of(RoutingConfig).upstreams["openai"].base_url == "https://api.openai.com/v1"


def test_extras_are_found_without_importing_them() -> None:
    before = set(sys.modules)
    assert available_extras() <= {"local"}
    assert "xllamacpp" not in set(sys.modules) - before


def test_a_missing_optional_slice_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [slice for slice in config_module.SLICES if slice.key != "observe"]
    gone = Slice("observe", "penstock.not_installed.config", "ObserveConfig", optional=True)
    monkeypatch.setattr(config_module, "SLICES", (*kept, gone))
    config = Config.parse("listen: {port: 1}", "c.yaml", {})
    assert config.of(ListenConfig).port == 1
    with pytest.raises(LookupError, match="ObserveConfig"):
        config.of(ObserveConfig)
    assert problems("observe: {recent: 5}")[0].startswith('c.yaml:1: unknown key "observe"')


def test_top_level_keys_are_each_one_slices_own() -> None:
    keys = list(Config.parse("", "c.yaml", {}).dump())
    assert len(keys) == len(set(keys))
    assert len(known_sections()) == len(config_module.SLICES)


def test_models_keep_their_order() -> None:
    config = Config.parse("upstreams: {e: {kind: echo}}\nmodels: {z: {upstreams: [e]}, a: {upstreams: [e]}}", "c", {})
    assert list(config.of(RoutingConfig).models) == ["z", "a"]


def test_single_values_are_found_and_replaced_by_their_dotted_keys() -> None:
    config = Config.parse("upstreams: {a: {kind: echo}}\nmodels: {m: {upstreams: [a]}}\n", "c.yaml", {})
    assert config.find("upstreams.a.weight").value == 1
    assert config.find("cache.exact.ttl").value == 3600
    changed = config.with_values({"upstreams.a.weight": "3", "cache.exact.ttl": "2h"})
    assert (changed.find("upstreams.a.weight").value, changed.find("cache.exact.ttl").value) == (3, 7200)
    assert config.find("upstreams.a.weight").value == 1
    with pytest.raises(LookupError):
        config.find("nothing.there")
    for texts, said in (
        ({"x.y": "1"}, "no such value"),
        ({"cache.exact.ttl": "0s"}, "more than"),
        ({"auth": "{}"}, "no such"),
    ):
        with pytest.raises(ConfigError, match=said):
            config.with_values(texts)
