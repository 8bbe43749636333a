import ast
import json
import shlex
import tomllib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.recipes import RECIPES, Settings, Target, exports

ODD = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=20)


def settings(name: str, key: str = "sk-pen-k", model: str = "org/model") -> Settings:
    return RECIPES[name].settings(Target("http://gateway:8400", key, model))


@pytest.mark.parametrize("name", RECIPES)
def test_the_address_and_key_are_in_every_recipe(name: str) -> None:
    made = settings(name)
    whole = "\n".join([*made.environment.values(), *(made.file or ()), made.then])
    assert "http://gateway:8400" in whole
    assert "sk-pen-k" in whole


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("openai-python", "OPENAI_BASE_URL", "http://gateway:8400/v1"),
        ("openai-node", "OPENAI_BASE_URL", "http://gateway:8400/v1"),
        ("anthropic-python", "ANTHROPIC_BASE_URL", "http://gateway:8400"),
        ("claude", "ANTHROPIC_BASE_URL", "http://gateway:8400"),
        ("claude", "ANTHROPIC_AUTH_TOKEN", "sk-pen-k"),
        ("codex", "PENSTOCK_API_KEY", "sk-pen-k"),
        ("open-webui", "OPENAI_API_BASE_URLS", "http://gateway:8400/v1"),
        ("aider", "OPENAI_API_BASE", "http://gateway:8400/v1"),
        ("langchain", "OPENAI_BASE_URL", "http://gateway:8400/v1"),
    ],
)
def test_variables(name: str, variable: str, value: str) -> None:
    assert settings(name).environment[variable] == value


@given(ODD, ODD)
def test_every_language_reads_odd_models_and_keys_as_they_are(key: str, model: str) -> None:
    for name in ("openai-python", "anthropic-python", "langchain"):
        literals = [node.value for node in ast.walk(ast.parse(settings(name, key, model).then)) if _is_text(node)]
        assert model in literals
    _, toml = settings("codex", key, model).file or ("", "")
    assert tomllib.loads(toml)["model"] == model
    _, written = settings("llm", key, model).file or ("", "")
    assert yaml.safe_load(written)[0]["model_name"] == model
    assert key in shlex.split(settings("llm", key, model).then)
    assert f"openai/{model}" in shlex.split(settings("aider", key, model).then)
    words = shlex.split(settings("curl", key, model).then)
    assert f"Authorization: Bearer {key}" in words
    assert json.loads(words[-1])["model"] == model
    assert shlex.split(exports({"A": key})) == ["export", f"A={key}"]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_codex_settings() -> None:
    _, text = settings("codex").file or ("", "")
    provider = tomllib.loads(text)["model_providers"]["penstock"]
    assert provider == {
        "name": "Penstock",
        "base_url": "http://gateway:8400/v1",
        "env_key": "PENSTOCK_API_KEY",
        "wire_api": "responses",
    }
