"""How clients are pointed at a gateway: one recipe a client. Pure.

Enters: the gateway's address, a key, a model. Leaves: environment variables, a file to write, and what to run then,
each quoted for the language in which it stands.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Target:
    """``url`` is the gateway's root, without ``/v1`` and without a slash at its end."""

    url: str
    key: str
    model: str

    @property
    def v1(self) -> str:
        return f"{self.url}/v1"


@dataclass(frozen=True, slots=True)
class Settings:
    """What to set. ``file`` is a path and its text; ``then`` is code or commands in ``language``."""

    environment: dict[str, str] = field(default_factory=dict)
    file: tuple[str, str] | None = None
    then: str = ""
    language: str = "sh"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """``title`` names the client as its users do."""

    title: str
    settings: Callable[[Target], Settings]


def _sh(text: str) -> str:
    return shlex.quote(text)


def _text(text: str) -> str:
    """A string literal of Python, JavaScript, YAML and TOML alike."""
    return json.dumps(text)


def _openai(to: Target) -> dict[str, str]:
    return {"OPENAI_BASE_URL": to.v1, "OPENAI_API_KEY": to.key}


def _openai_python(to: Target) -> Settings:
    return Settings(
        _openai(to),
        then=f"""\
from openai import OpenAI

client = OpenAI()  # or OpenAI(base_url={_text(to.v1)}, api_key=...)
answer = client.chat.completions.create(
    model={_text(to.model)},
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(answer.choices[0].message.content)
""",
        language="python",
    )


def _openai_node(to: Target) -> Settings:
    return Settings(
        _openai(to),
        then=f"""\
import OpenAI from "openai";

const client = new OpenAI();  // or new OpenAI({{ baseURL: {_text(to.v1)}, apiKey: ... }})
const answer = await client.chat.completions.create({{
  model: {_text(to.model)},
  messages: [{{ role: "user", content: "Hello" }}],
}});
console.log(answer.choices[0].message.content);
""",
        language="javascript",
    )


def _anthropic_python(to: Target) -> Settings:
    return Settings(
        {"ANTHROPIC_BASE_URL": to.url, "ANTHROPIC_API_KEY": to.key},
        then=f"""\
from anthropic import Anthropic

client = Anthropic()  # or Anthropic(base_url={_text(to.url)}, api_key=...)
answer = client.messages.create(
    model={_text(to.model)},
    max_tokens=256,
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(answer.content[0].text)
""",
        language="python",
        note="The address has no /v1. The model must stand on an upstream that speaks the Messages API.",
    )


def _claude(to: Target) -> Settings:
    return Settings(
        {"ANTHROPIC_BASE_URL": to.url, "ANTHROPIC_AUTH_TOKEN": to.key},
        then=f"claude --model {_sh(to.model)}\n",
        note="The address has no /v1. The model must stand on an upstream that speaks the Messages API.",
    )


def _codex(to: Target) -> Settings:
    return Settings(
        {"PENSTOCK_API_KEY": to.key},
        (
            "~/.codex/config.toml",
            f"""\
model = {_text(to.model)}
model_provider = "penstock"

[model_providers.penstock]
name = "Penstock"
base_url = {_text(to.v1)}
env_key = "PENSTOCK_API_KEY"
wire_api = "responses"
""",
        ),
        then="codex\n",
        note="The model must stand on an upstream that has /v1/responses.",
    )


def _curl(to: Target) -> Settings:
    body = json.dumps({"model": to.model, "messages": [{"role": "user", "content": "Hello"}]})
    return Settings(
        then=f"""\
curl {_sh(to.v1 + "/chat/completions")} \\
  -H {_sh(f"Authorization: Bearer {to.key}")} \\
  -H 'Content-Type: application/json' \\
  -d {_sh(body)}
""",
        note='Add "stream": true to the body, and -N to curl, to see the answer as it comes.',
    )


def _open_webui(to: Target) -> Settings:
    return Settings(
        {"OPENAI_API_BASE_URLS": to.v1, "OPENAI_API_KEYS": to.key},
        then="open-webui serve\n",
        note="Or in the page: Admin Panel, Settings, Connections, OpenAI API. In a container, this machine is called"
        " host.docker.internal (start it with --add-host=host.docker.internal:host-gateway), and Penstock must listen"
        " on an address that the container can reach.",
    )


def _aider(to: Target) -> Settings:
    return Settings(
        {"OPENAI_API_BASE": to.v1, "OPENAI_API_KEY": to.key},
        then=f"aider --model {_sh('openai/' + to.model)}\n",
        note="openai/ tells Aider which protocol to speak; the rest is the model's name here.",
    )


def _langchain(to: Target) -> Settings:
    return Settings(
        _openai(to),
        then=f"""\
from langchain_openai import ChatOpenAI

model = ChatOpenAI(model={_text(to.model)})  # or with base_url={_text(to.v1)}, api_key=...
print(model.invoke("Hello").content)
""",
        language="python",
    )


def _llm(to: Target) -> Settings:
    name = f"penstock/{to.model}"
    return Settings(
        file=(
            '"$(dirname "$(llm logs path)")/extra-openai-models.yaml"',
            f"""\
- model_id: {_text(name)}
  model_name: {_text(to.model)}
  api_base: {_text(to.v1)}
  api_key_name: penstock
""",
        ),
        then=f"llm keys set penstock --value {_sh(to.key)}\nllm -m {_sh(name)} Hello\n",
    )


RECIPES: dict[str, Recipe] = {
    "openai-python": Recipe("OpenAI SDK for Python", _openai_python),
    "openai-node": Recipe("OpenAI SDK for JavaScript", _openai_node),
    "anthropic-python": Recipe("Anthropic SDK for Python", _anthropic_python),
    "claude": Recipe("Claude Code", _claude),
    "codex": Recipe("Codex CLI", _codex),
    "curl": Recipe("curl", _curl),
    "open-webui": Recipe("Open WebUI", _open_webui),
    "aider": Recipe("Aider", _aider),
    "langchain": Recipe("LangChain", _langchain),
    "llm": Recipe("llm", _llm),
}


def exports(environment: dict[str, str]) -> str:
    """Shell lines that set ``environment``."""
    return "".join(f"export {name}={_sh(value)}\n" for name, value in environment.items())
