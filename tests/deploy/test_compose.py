"""The files of one host: read back, and held against what Compose's specification says of each field."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.cli.deploy_facts import There, facts
from penstock.config import Config
from penstock.deploy.compose import GROUND, KEYS, REDIS, SUBNET, TLS_FOLDER, Terms, compose
from penstock.deploy.facts import Facts
from tests.support.deployed import CONFIG, ENVIRON

SERVICE = {
    "image", "command", "init", "stop_grace_period", "volumes", "mem_limit", "ulimits", "read_only", "cap_drop",
    "security_opt", "restart", "tmpfs", "env_file", "depends_on", "networks", "ports", "user", "healthcheck", "secrets",
}  # fmt: skip
"""Of those that the specification knows, the ones that are written here."""


def facts_here(text: str = CONFIG, redis: str = "") -> Facts:
    there = There(GROUND, KEYS, TLS_FOLDER, f"{GROUND.data}/store.sqlite", f"{GROUND.data}/jobs", redis, (SUBNET,))
    return facts(text, Config.parse(text, "x", ENVIRON), there)


def made(terms: Terms, text: str = CONFIG, redis: str = "") -> tuple[dict[str, Any], dict[str, str]]:
    files = compose(facts_here(text, redis), terms)
    return yaml.safe_load(files["compose.yaml"]), files


def test_gateways_behind_nginx() -> None:
    tree, files = made(Terms(gateways=3, listen="0.0.0.0:80"))
    services = tree["services"]
    assert set(services) == {"gateway-1", "gateway-2", "gateway-3", "nginx"}
    assert services["nginx"]["ports"] == ["0.0.0.0:80:8080"]
    for number in (1, 2, 3):
        assert f"server gateway-{number}:9000 " in files["nginx.conf"]
    assert "listen 8080;" in files["nginx.conf"]
    config = yaml.safe_load(files["penstock.yaml"])
    assert config["listen"]["trusted_proxies"] == [SUBNET], "nginx is believed about addresses"
    assert config["auth"]["key_file"] == "/var/lib/penstock/keys.json"
    assert files["penstock.env.example"].splitlines()[1:] == ["REDIS_PASSWORD=", "OPENAI_API_KEY="]


def test_all_are_shut_in() -> None:
    tree, _ = made(Terms(redis=True, prometheus=True), redis=REDIS)
    for name, service in tree["services"].items():
        assert set(service) <= SERVICE, name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(one in tree["services"] for one in service.get("depends_on", {})), name
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source.startswith("./") or source in tree["volumes"], volume
        assert all(one in tree["secrets"] for one in service.get("secrets", [])), name


def test_a_stop_has_the_time_that_calls_are_given() -> None:
    tree, _ = made(Terms())
    assert tree["services"]["gateway-1"]["stop_grace_period"] == "35s"


def test_a_redis_of_its_own_becomes_the_store() -> None:
    tree, files = made(Terms(redis=True), redis=REDIS)
    assert yaml.safe_load(files["penstock.yaml"])["store"] == "redis://redis:6379/0"
    assert tree["services"]["gateway-1"]["depends_on"] == {"redis": {"condition": "service_healthy"}}


def test_prometheus_shows_a_key() -> None:
    tree, files = made(Terms(prometheus=True))
    (job,) = yaml.safe_load(files["prometheus.yml"])["scrape_configs"]
    assert job["authorization"]["credentials_file"] == "/run/secrets/metrics-key"
    assert job["static_configs"][0]["targets"] == ["gateway-1:9000", "gateway-2:9000"]
    assert tree["secrets"] == {"metrics-key": {"file": "./metrics-key"}}


@pytest.mark.promtool
def test_prometheus_takes_its_file(tmp_path: Path, promtool: str) -> None:
    _, files = made(Terms(prometheus=True))
    path = tmp_path / "prometheus.yml"
    path.write_text(files["prometheus.yml"])
    told = subprocess.run([promtool, "check", "config", "--syntax-only", path], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr


def test_no_secret_stands_in_any_file() -> None:
    literal = CONFIG.replace("${OPENAI_API_KEY}", "sk-literal").replace(":${REDIS_PASSWORD}@", ":sk-pass@")
    for text in (CONFIG, literal):
        _, files = made(Terms(prometheus=True), text)
        assert not [name for name, content in files.items() if "sk-" in content]


def test_what_does_not_go_together() -> None:
    with pytest.raises(ValueError, match="1 to 64"):
        compose(facts_here(), Terms(gateways=65))
