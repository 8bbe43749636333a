"""What to offer without a config file: what is built in, what is installed, what the environment has keys for.

Enters: the environment, the installed extras, our own port. Leaves: a RoutingConfig. Fails never.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from penstock.core.addresses import is_loopback
from penstock.routing.config import ModelConfig, RoutingConfig
from penstock.routing.upstream_config import Kind, UpstreamConfig

OWN_KEY_PREFIX = "sk-pen-"


class Known(NamedTuple):
    """A provider that many people have a key of, in one of its usual ``variables``."""

    name: str
    variables: tuple[str, ...]
    base_url: str
    kind: Kind = "openai"


PROVIDERS = (
    Known("openai", ("OPENAI_API_KEY",), "https://api.openai.com/v1"),
    Known("anthropic", ("ANTHROPIC_API_KEY",), "https://api.anthropic.com/v1", "anthropic"),
    Known("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), "https://generativelanguage.googleapis.com/v1beta/openai"),
    Known("groq", ("GROQ_API_KEY",), "https://api.groq.com/openai/v1"),
    Known("mistral", ("MISTRAL_API_KEY",), "https://api.mistral.ai/v1"),
    Known("deepseek", ("DEEPSEEK_API_KEY",), "https://api.deepseek.com/v1"),
    Known("openrouter", ("OPENROUTER_API_KEY",), "https://openrouter.ai/api/v1"),
    Known("xai", ("XAI_API_KEY",), "https://api.x.ai/v1"),
    Known("together", ("TOGETHER_API_KEY", "TOGETHERAI_API_KEY"), "https://api.together.xyz/v1"),
    Known("fireworks", ("FIREWORKS_API_KEY",), "https://api.fireworks.ai/inference/v1"),
    Known("cerebras", ("CEREBRAS_API_KEY",), "https://api.cerebras.ai/v1"),
    Known("perplexity", ("PERPLEXITY_API_KEY",), "https://api.perplexity.ai"),
    Known("nvidia", ("NVIDIA_API_KEY",), "https://integrate.api.nvidia.com/v1"),
)


def usual(environ: Mapping[str, str], extras: frozenset[str], own_port: int) -> RoutingConfig:
    """``echo``; ``smollm2`` with the extra ``local``; ``<provider>/*`` for each provider with a key."""
    upstreams = {"echo": UpstreamConfig(kind="echo")}
    models = {"echo": ModelConfig(upstreams=["echo"])}
    if "local" in extras:
        upstreams["local"] = UpstreamConfig(kind="local", model="smollm2")
        models["smollm2"] = ModelConfig(upstreams=["local"])
    for provider in PROVIDERS:
        key = _key(provider, environ)
        if key is None:
            continue
        base_url = provider.base_url
        if provider.name == "openai":
            base_url = _other_base_url(environ.get("OPENAI_BASE_URL", ""), own_port) or base_url
        upstreams[provider.name] = UpstreamConfig(kind=provider.kind, base_url=base_url, api_key=key)
        models[f"{provider.name}/*"] = ModelConfig(upstreams=[provider.name], upstream_model="*")
    return RoutingConfig(upstreams=upstreams, models=models)


def _key(provider: Known, environ: Mapping[str, str]) -> str | None:
    """The first usable key. One of our own (a client of ours is set up in this shell) is no key of theirs."""
    for variable in provider.variables:
        key = environ.get(variable, "").strip()
        if key and key.isascii() and key.isprintable() and not key.startswith(OWN_KEY_PREFIX):
            return key
    return None


def _other_base_url(url: str, own_port: int) -> str | None:
    """``url`` if it is one and leads anywhere but back to us."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    ours = port == own_port and (is_loopback(parts.hostname) or parts.hostname in ("0.0.0.0", "::"))
    return None if ours or parts.query or parts.fragment else url.strip()
