from pathlib import Path

import pytest

from penstock.cli.deploy_facts import read
from penstock.cli.failure import Failure
from penstock.deploy.facts import ANYWHERE, Pool, Reach
from penstock.edge.config import ListenConfig
from tests.support.deployed import CONFIG, facts_of

MORE = """
listen: {port: 80, drain: 5s}
store: sqlite
memory: {limit: 2GiB}
observe: {log_file: penstock.log}
cache: {semantic: {enabled: true}, encryption_key: "0123456789abcdef"}
upstreams:
  b: {kind: bedrock, region: eu-west-1}
  a: {kind: vllm, base_url: "https://name/v1", address: "10.9.9.9:444"}
  d: {kind: vllm, discover: {dns: pods.llm, port: 8001}}
  s: {kind: vllm, discover: {dns: _h._tcp.x, srv: true, server: "10.0.0.53:53"}}
  f: {kind: vllm, discover: {file: hosts}}
  p: {kind: openai, proxy: "http://proxy:3128"}
  k: {kind: vllm, discover: {kubernetes: {service: x}}}
models: {m: {upstreams: [b, a, d, s, f, p, k]}}
alerts: {webhooks: [{url: "https://hooks.example:8443/x"}]}
telemetry: {otlp: {endpoint: "http://collector:4318"}}
scaling: {pools: {k: {min: 1, max: 3, kubernetes: {name: vllm, namespace: engines}}}}
"""


def test_where_it_goes() -> None:
    found = facts_of(MORE)
    assert set(found.reaches) == {
        Reach("bedrock-runtime.eu-west-1.amazonaws.com", 443), Reach("name", 443), Reach("10.9.9.9", 444),
        Reach("pods.llm", 8001), Reach("_h._tcp.x", 0), Reach("10.0.0.53", 53), Reach(ANYWHERE, 0),
        Reach("proxy", 3128), Reach("api.openai.com", 443), Reach("hooks.example", 8443), Reach("collector", 4318),
    }  # fmt: skip
    assert found.watched == (None,)
    assert found.pools == (Pool("k", 1, 3, "kubernetes", "engines", "vllm", "apps", "deployments"),)


def test_what_it_needs() -> None:
    found = facts_of(MORE)
    assert found.extras == {"semantic", "encryption", "forecast"}
    assert found.port == 8400, "80 is not everybody's"
    assert (found.store, found.memory, found.drain) == ("sqlite", 2 * 2**30, 5.0)
    assert "log_file: null" in found.carried.text
    assert facts_of(CONFIG).extras == {"redis"}


def test_an_open_door_does_not_travel() -> None:
    with pytest.raises(Failure, match=r"auth\.mode open"):
        facts_of("auth: {mode: open}\nupstreams: {e: {kind: echo}}\n")


def test_variables_need_not_be_set_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK_CONFIG", raising=False)
    path = tmp_path / "penstock.yaml"
    path.write_text('upstreams: {o: {kind: openai, api_key: "${NOT_SET_ANYWHERE}"}}\n')
    text, config = read(str(path))
    assert "${NOT_SET_ANYWHERE}" in text
    assert config.of(ListenConfig).port == 8400
    path.write_text('listen: {port: "${NOT_SET_ANYWHERE}"}\n')
    with pytest.raises(Failure, match=r"not set here.*: NOT_SET_ANYWHERE"):
        read(str(path))
    with pytest.raises(Failure, match="cannot be read"):
        read(str(tmp_path / "none"))
    with pytest.raises(Failure, match="--config FILE"):
        read(None)
