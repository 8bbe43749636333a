"""Facts of a config as they are for a cluster, without the command line."""

from __future__ import annotations

from penstock.cli.deploy_facts import There, facts
from penstock.config import Config
from penstock.deploy.facts import Facts
from penstock.deploy.kubernetes.workload import GROUND, KEYS_FOLDER, TLS_FOLDER

CONFIG = """
listen: {port: 9000, workers: 2, drain: 20s}
store: "redis://:${REDIS_PASSWORD}@redis:6379/0"
upstreams:
  gpu-0: {kind: vllm, base_url: "http://10.0.0.1:8000/v1"}
  inside: {kind: vllm, base_url: "http://vllm.llm.svc.cluster.local/v1"}
  eu: {kind: openai, api_key: "${OPENAI_API_KEY}"}
  pool: {kind: vllm, discover: {kubernetes: {service: vllm, namespace: engines}}}
models: {m: {upstreams: [gpu-0, inside, eu, pool]}}
"""
ENVIRON = {"REDIS_PASSWORD": "sk-redis", "OPENAI_API_KEY": "sk-openai"}


def facts_of(text: str = CONFIG, jobs: str | None = None) -> Facts:
    there = There(GROUND, f"{KEYS_FOLDER}/keys.json", TLS_FOLDER, f"{GROUND.data}/store.sqlite", jobs)
    return facts(text, Config.parse(text, "penstock.yaml", ENVIRON), there)
