"""Against real Ray Serve: two applications, the replicas of one of them set."""

import asyncio
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.ray.app.service import ServeApp
from penstock.scaling.actuators.ray_config import ServeConfig
from penstock.scaling.replica import Standing
from tests.scaling.actuators.ray.orders import ran, until

pytestmark = [pytest.mark.ray, pytest.mark.slow]

APP = """
from ray import serve
@serve.deployment(name="Engine", ray_actor_options={"num_cpus": 0.1})
class Engine:
    def __call__(self, request): return "ok"
app = Engine.bind()
"""
CONFIG = """
http_options: {host: 127.0.0.1, port: %d}
applications:
- {name: llm, route_prefix: /llm, import_path: "served:app", deployments: [{name: Engine, num_replicas: 1}]}
- {name: other, route_prefix: /other, import_path: "served:app"}
"""


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=3).close()
    except OSError:
        return False
    return True


async def comes(app: ServeApp, fact: Callable[[Standing], bool]) -> None:
    limit = time.monotonic() + 90
    while True:
        try:
            if fact(await app.current()):
                return
        except ActuatorError:
            pass  # it is being deployed
        assert time.monotonic() < limit
        await asyncio.sleep(0.5)


def test_replicas_are_set_and_the_other_application_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.machine import free_port
    from bench.ray_cluster import ray_cluster

    (tmp_path / "served.py").write_text(APP)
    (tmp_path / "serve.yaml").write_text(CONFIG % free_port())
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")

    @ran
    async def play(url: str) -> None:
        mine, other = (
            ServeApp(ServeConfig(url=url, application=name, deployment="Engine")) for name in ("llm", "other")
        )
        await comes(mine, lambda seen: len(seen.of("ready")) == 1)
        await comes(other, lambda seen: len(seen.of("ready")) == 1)
        await mine.want(2)
        await comes(mine, lambda seen: seen.wanted == len(seen.of("ready")) == 2)
        await mine.want(1)
        await comes(mine, lambda seen: seen.wanted == len(seen.replicas) == 1)
        assert len((await other.current()).of("ready")) == 1

    with ray_cluster(dashboard=True) as cluster:
        url = f"http://127.0.0.1:{cluster.dashboard_port}"
        until(lambda: answers(f"{url}/api/version"), 60)
        deploy = [str(Path(sys.executable).with_name("serve")), "deploy", "serve.yaml", "--address", url]
        subprocess.run(deploy, check=True, cwd=tmp_path, timeout=120, capture_output=True)
        play(url)
