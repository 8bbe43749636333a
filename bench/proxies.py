"""The proxies under test: how each is installed, started in front of one upstream, and what its callers must send.

All get the same upstream and do what they do by default: the routers and nginx check no key, Penstock, LiteLLM and
Portkey are called as their documentation says. To add one: a class with ``name``, ``install`` and ``launch``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, ClassVar, Protocol

from bench import built
from bench.environments import need, node_environment, python_environment
from bench.machine import free_port
from bench.payload import MODEL

HERE = Path(__file__).resolve().parent
VLLM_ROUTER = "vllm-router==0.1.17"
SGLANG_ROUTER = "sglang-router==0.3.2"
LITELLM = "litellm[proxy]==1.109.1"
PORTKEY = "@portkey-ai/gateway@1.15.2"


@dataclass(frozen=True)
class Site:
    """Where a proxy is to stand."""

    folder: Path
    port: int
    upstream_port: int
    streams: bool
    descriptors: int


@dataclass(frozen=True)
class Launch:
    """The command that starts a proxy, and the header fields its callers send."""

    argv: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Proxy(Protocol):
    """One proxy under test."""

    name: str

    def install(self) -> Path | None:
        """Make its environment; the folder that holds it alone, if there is one."""

    def launch(self, site: Site) -> Launch: ...


class Penstock:
    """This project with keys and metrics on, as by default: what this tree's wheel carries, or what is installed."""

    name = "penstock"
    more: ClassVar[dict[str, Any]] = {}

    def __init__(self, command: tuple[str, ...] = ()) -> None:
        self._installed = command

    def form(self) -> built.Form:
        return built.carried()

    def install(self) -> Path | None:
        return None

    def launch(self, site: Site) -> Launch:
        config = site.folder / "penstock.yaml"
        base = f"http://127.0.0.1:{site.upstream_port}/v1"
        upstream = {"kind": "openai", "base_url": base, "max_connections": site.descriptors}
        sections = {
            "listen": {"port": site.port},
            "auth": {"mode": "keys", "key_file": str(site.folder / "keys.json")},
            "upstreams": {"up": upstream},
            "models": {MODEL: {"upstreams": ["up"]}},
            # The load sends one call again and again, and each is to go through: the cache looks, and keeps nothing.
            "coalesce": {"enabled": False},
            "cache": {"writers": ["nobody"]},
        } | self.more
        config.write_text(json.dumps(sections, indent=2))  # JSON is YAML too
        folders = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")
        env = dict.fromkeys(folders, str(site.folder))
        if not self._installed:
            env["PYTHONPATH"] = str(self.form().folder)
        command = self._installed or (sys.executable, "-m", "penstock")
        new_key = [*command, "keys", "new", "bench", "--config", str(config)]
        made = subprocess.run(new_key, env={**os.environ, **env}, capture_output=True, text=True, timeout=30)
        key = re.search(r"sk-pen-[\w-]+", made.stdout)
        if key is None:
            raise RuntimeError(f"penstock keys new gave no key:\n{made.stdout}{made.stderr}")
        serve = [*command, "serve", "--config", str(config)]
        return Launch(serve, env, {"Authorization": f"Bearer {key[0]}"})


class PenstockKeysMetrics(Penstock):
    """The same with what the bar names, keys and metrics, and without what else is on by default and writes or looks
    up: the journal's row in SQLite, the history, the exact cache."""

    name = "penstock-keys-metrics"
    more: ClassVar[dict[str, Any]] = {
        "journal": {"enabled": False}, "history": {"enabled": False}, "cache": {"exact": {"enabled": False}},
    }  # fmt: skip


class PenstockSource(Penstock):
    """The same without anything compiled."""

    name = "penstock-source"

    def form(self) -> built.Form:
        return built.SOURCE


class Nginx:
    """The floor: a bare reverse proxy without any policy; its configuration is nginx_proxy.conf."""

    name = "nginx"

    def install(self) -> Path | None:
        need("nginx", "nginx")
        return None

    def launch(self, site: Site) -> Launch:
        values = {
            "port": str(site.port),
            "upstream_port": str(site.upstream_port),
            "buffering": "off" if site.streams else "on",
        }
        return Launch(nginx_command(site.folder, HERE / "nginx_proxy.conf", site.descriptors, values))


class VllmRouter:
    """The Rust router of the vLLM project."""

    name = "vllm-router"

    def install(self) -> Path | None:
        return python_environment(self.name, [VLLM_ROUTER])

    def launch(self, site: Site) -> Launch:
        folder = python_environment(self.name, [VLLM_ROUTER])
        argv = [str(folder / "bin" / "vllm-router"), "--log-level", "error", *_router_options(site)]
        return Launch([*argv, "--max-concurrent-requests", "32768"])


class SglangRouter:
    """The Rust router of the SGLang project."""

    name = "sglang-router"

    def install(self) -> Path | None:
        return python_environment(self.name, [SGLANG_ROUTER])

    def launch(self, site: Site) -> Launch:
        folder = python_environment(self.name, [SGLANG_ROUTER])
        argv = [str(folder / "bin" / "python"), "-m", "sglang_router.launch_router", "--log-level", "error"]
        return Launch([*argv, *_router_options(site), "--max-concurrent-requests", "32768"])


class Portkey:
    """Portkey's open gateway on Node.js; the upstream is named by header fields of each request."""

    name = "portkey"

    def install(self) -> Path | None:
        return node_environment(self.name, PORTKEY)

    def launch(self, site: Site) -> Launch:
        script = node_environment(self.name, PORTKEY) / "node_modules/@portkey-ai/gateway/build/start-server.js"
        headers = {
            "Authorization": "Bearer sk-bench",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{site.upstream_port}/v1",
        }
        env = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}
        return Launch([need("node", "nodejs"), str(script), f"--port={site.port}", "--headless"], env, headers)


class Litellm:
    """LiteLLM's proxy with one worker and a master key."""

    name = "litellm"
    any_version_of = ("certifi", "litellm-proxy-extras", "litellm-enterprise")
    """Certificates, database migrations and paid features: no part of a call on the loopback."""

    def install(self) -> Path | None:
        return python_environment(self.name, [LITELLM], self.any_version_of)

    def launch(self, site: Site) -> Launch:
        folder = python_environment(self.name, [LITELLM], self.any_version_of)
        base = f"http://127.0.0.1:{site.upstream_port}/v1"
        model = {"model": f"openai/{MODEL}", "api_base": base, "api_key": "sk-upstream"}
        sections = {
            "model_list": [{"model_name": MODEL, "litellm_params": model}],
            "litellm_settings": {"num_retries": 0},
            "general_settings": {"master_key": "sk-bench"},
        }
        config = site.folder / "litellm.yaml"
        config.write_text(json.dumps(sections, indent=2))
        argv = [str(folder / "bin" / "litellm"), "--config", str(config), "--host", "127.0.0.1"]
        env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_TELEMETRY": "False"}
        return Launch(
            [*argv, "--port", str(site.port), "--num_workers", "1"], env, {"Authorization": "Bearer sk-bench"}
        )


ALL: tuple[type[Proxy], ...] = (
    Penstock, PenstockKeysMetrics, PenstockSource, Nginx, VllmRouter, SglangRouter, Portkey, Litellm,
)  # fmt: skip


def chosen(names: str | None, without: tuple[str, ...] = ()) -> list[Proxy]:
    """The proxies named in a comma-separated list, or all; ``ValueError`` names what is unknown."""
    known = {proxy.name: proxy for proxy in ALL}
    wanted = names.split(",") if names else [name for name in known if name not in without]
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(f"unknown proxy {', '.join(unknown)}; known: {', '.join(known)}")
    return [known[name]() for name in wanted]


def nginx_command(folder: Path, template: Path, descriptors: int, values: Mapping[str, str]) -> list[str]:
    """Write a configuration made from ``template`` and return the command that runs it."""
    config = folder / template.name
    config.write_text(Template(template.read_text()).substitute(values, descriptors=descriptors))
    return [need("nginx", "nginx"), "-p", str(folder), "-c", str(config), "-e", "stderr"]


def _router_options(site: Site) -> list[str]:
    return [
        *("--host", "127.0.0.1", "--port", str(site.port), "--policy", "round_robin"),
        *("--worker-urls", f"http://127.0.0.1:{site.upstream_port}", "--worker-startup-check-interval", "1"),
        *("--prometheus-port", str(free_port()), "--queue-size", "20000"),
    ]
