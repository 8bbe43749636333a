"""A compose file: gateways on one host behind nginx, with Redis and Prometheus where they are wanted. Pure.

Enters: facts of the config. Leaves: files by name. All containers are not root, have a read-only root and no
capabilities. The gateways share one volume for keys and, where it is a file, their store.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.deploy.carried import Ground
from penstock.deploy.facts import MIB, Facts
from penstock.deploy.kubernetes.workload import RUNTIME_FOLDER
from penstock.deploy.nginx import Terms as Nginx
from penstock.deploy.nginx import nginx
from penstock.deploy.pool import pool
from penstock.deploy.tree import Tree, dump

GROUND = Ground(files="/etc/penstock/files")
CONFIG = "/etc/penstock/penstock.yaml"
KEYS = f"{GROUND.data}/keys.json"
TLS_FOLDER = "/etc/penstock/tls"
REDIS = "redis://redis:6379/0"
NETWORK = "172.30.84"
SUBNET = f"{NETWORK}.0/24"
"""Fixed, so that the gateways know whose X-Forwarded-For they may believe."""
HEAD = "# Written by `penstock deploy compose`: change the config, or its options, and write it again.\n"


@dataclass(frozen=True, slots=True)
class Terms:
    """``listen``: where the host answers, ``[address:]port``. ``balance``: what nginx is told beside its pool."""

    gateways: int = 2
    image: str = "penstock"
    listen: str = "127.0.0.1:8400"
    redis: bool = False
    prometheus: bool = False
    balance: Nginx = field(default_factory=lambda: Nginx(listen="8080"))


def compose(facts: Facts, terms: Terms) -> dict[str, str]:
    """The files. Raises ValueError where the config and the terms do not go together."""
    if not 1 <= terms.gateways <= 64:
        raise ValueError("gateways are 1 to 64: one host carries no more")
    if facts.tls:
        raise ValueError("listen.tls: let nginx speak TLS before the gateways, and take it out of this config")
    names = [f"gateway-{number}" for number in range(1, terms.gateways + 1)]
    services: dict[str, Tree] = {
        # Fixed, because nginx asks for an address when it starts and never again.
        name: {**_gateway(facts, terms), "networks": {"default": {"ipv4_address": f"{NETWORK}.{10 + number}"}}}
        for number, name in enumerate(names)
    }
    services["nginx"] = _nginx(names, terms)
    volumes: dict[str, Tree] = {"penstock": {}}
    if terms.redis:
        services["redis"] = _redis()
        volumes["redis"] = {}
    secrets: dict[str, Tree] = {}
    files = {
        "penstock.yaml": HEAD + facts.carried.text,
        "nginx.conf": nginx(pool([f"{name}:{facts.port}" for name in names]), terms.balance),
    }
    if terms.prometheus:
        services["prometheus"] = _prometheus()
        volumes["prometheus"] = {}
        secrets["metrics-key"] = {"file": "./metrics-key"}
        files["prometheus.yml"] = HEAD + dump(_scraped(facts, names))
    if facts.carried.variables:
        said = "# What the config takes from the environment. Copy to penstock.env, fill in, chmod 600.\n"
        files["penstock.env.example"] = said + "".join(f"{one.name}=\n" for one in facts.carried.variables)
    tree: dict[str, Tree] = {
        "name": "penstock",
        "services": services,
        "networks": {"default": {"ipam": {"config": [{"subnet": SUBNET}]}}},
        "volumes": volumes,
    }
    if secrets:
        tree["secrets"] = secrets
    return {"compose.yaml": HEAD + dump(tree), **files}


def _closed(*writable: str) -> dict[str, Tree]:
    """What all have in common."""
    return {
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "restart": "unless-stopped",
        "tmpfs": list(writable),
    }


def _gateway(facts: Facts, terms: Terms) -> Tree:
    found: dict[str, Tree] = {
        "image": terms.image,
        "command": ["serve", "--config", CONFIG],
        "init": False,
        "stop_grace_period": f"{facts.grace}s",
        "volumes": [f"./penstock.yaml:{CONFIG}:ro", f"penstock:{GROUND.data}"],
        "mem_limit": f"{facts.container_memory // MIB}m",
        "ulimits": {"nofile": {"soft": 65536, "hard": 65536}},
        **_closed("/tmp", f"{RUNTIME_FOLDER}:mode=0700,uid=10001,gid=10001"),
    }
    if facts.carried.files:
        found["volumes"].append(f"./files:{GROUND.files}:ro")
    if facts.carried.variables:
        found["env_file"] = ["penstock.env"]
    if terms.redis:
        found["depends_on"] = {"redis": {"condition": "service_healthy"}}
    return found


def _nginx(names: list[str], terms: Terms) -> Tree:
    return {
        "image": "nginxinc/nginx-unprivileged:stable-alpine",
        "ports": [f"{terms.listen}:8080"],
        "volumes": ["./nginx.conf:/etc/nginx/conf.d/default.conf:ro"],
        "depends_on": {name: {"condition": "service_healthy"} for name in names},
        **_closed("/tmp"),
    }


def _redis() -> Tree:
    return {
        "image": "redis:8-alpine",
        "user": "redis",
        "command": ["redis-server", "--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction"],
        "volumes": ["redis:/data"],
        "healthcheck": {"test": ["CMD", "redis-cli", "ping"], "interval": "5s", "timeout": "3s", "retries": 5},
        **_closed("/tmp"),
    }


def _prometheus() -> Tree:
    return {
        "image": "prom/prometheus:v3.7.3",
        "volumes": ["./prometheus.yml:/etc/prometheus/prometheus.yml:ro", "prometheus:/prometheus"],
        "ports": ["127.0.0.1:9090:9090"],
        "secrets": ["metrics-key"],
        **_closed("/tmp"),
    }


def _scraped(facts: Facts, names: list[str]) -> Tree:
    """/metrics wants a key wherever it is not asked from the same machine."""
    return {
        "global": {"scrape_interval": "15s"},
        "scrape_configs": [
            {
                "job_name": "penstock",
                "authorization": {"type": "Bearer", "credentials_file": "/run/secrets/metrics-key"},
                "static_configs": [{"targets": [f"{name}:{facts.port}" for name in names]}],
            }
        ],
    }
