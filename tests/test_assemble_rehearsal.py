"""The rehearsal: calls through a second gateway in the process, of which nothing remains."""

import asyncio
import logging
import os
import sys
from pathlib import Path

import pytest

from penstock.assemble_rehearsal import MODEL, NUMBERS, rehearse, script
from penstock.config import Config, StoreConfig
from penstock.process.loop import run
from penstock.routing.config import RoutingConfig
from tests.support.gateway import ECHO, Running, ask, running_gateway

HEAVY = """
upstreams: {up: {kind: openai, base_url: "https://api.example/v1", api_key: sk-real}}
models: {m: {upstreams: [up]}}
store: "redis://127.0.0.1:1/0"
observe: {access_log: all}
journal: {prompts: true}
alerts: {routes: []}
listen: {host: 0.0.0.0}
cache: {models: {m: {enabled: true}}}
"""


def test_its_script_leads_nowhere_and_keeps_the_rooms() -> None:
    config = script(Config.parse(HEAVY.replace("alerts: {routes: []}\n", ""), "c.yaml", os.environ), 1234)
    routing = config.of(RoutingConfig)
    assert list(routing.models) == [MODEL]
    assert [upstream.url for upstream in routing.upstreams.values()] == ["http://127.0.0.1:1234/v1"]
    assert config.of(StoreConfig).store == "memory"
    dumped = config.dump(masked=False)
    assert (dumped["auth"]["mode"], dumped["listen"]["host"]) == ("open", "127.0.0.1")
    assert (dumped["observe"]["access_log"], dumped["journal"]["prompts"]) == ("errors", False)
    assert (dumped["warmup"]["enabled"], dumped["jobs"]["enabled"]) == (False, False)


def seen(folder: Path) -> list[Path]:
    """Its files, but for the one by which the gateway feels how quick its disk is."""
    return sorted(path for path in folder.rglob("*") if not path.name.startswith(".penstock-probe"))


def test_it_leaves_no_trace(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        gateway = running.gateway
        files = seen(running.path.parent)
        counted = gateway.observed
        await gateway.warm.profile(10.0)
        assert counted is not None
        caplog.clear()
        await rehearse(gateway, gateway.config, 12)
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith(f"worker-{NUMBERS}")]
        assert seen(running.path.parent) == files
        assert [record.getMessage() for record in caplog.records] == []
        assert (gateway.in_flight(), gateway.ids.made, counted.recent.rows(10)) == (0, 0, [])
        assert (await ask(running.port, "GET", "/health/ready")).status == 200

    async def main() -> None:
        async with running_gateway(ECHO) as running:
            caplog.set_level(logging.INFO)
            await scene(running)

    run(main())


def test_after_it_a_first_call_imports_nothing_more(tmp_path: Path) -> None:
    """What is imported late would be waited for by the first caller."""
    code = """
import asyncio, sys
from penstock.process.loop import run
from tests.support.gateway import running_gateway, ask
from penstock.assemble_rehearsal import rehearse
ECHO = "upstreams: {echo: {kind: echo}}\\nmodels: {echo: {upstreams: [echo]}}\\n"
BODY = b'{"model": "echo", "messages": [{"role": "user", "content": "Hello"}], "stream": true}'
async def main():
    async with running_gateway(ECHO) as running:
        await rehearse(running.gateway, running.gateway.config, 8)
        import penstock.providers.echo, tests.support.sockets
        before = set(sys.modules)
        field = ("content-type", "application/json")
        answer = await ask(running.port, "POST", "/v1/chat/completions", [running.bearer, field], BODY)
        assert answer.status == 200, answer
        await asyncio.sleep(0.3)
        print(sorted(name for name in set(sys.modules) - before if name.startswith("penstock")))
run(main())
"""
    import subprocess

    root = Path(__file__).parents[1]
    environ = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}", "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=110)
    assert done.stdout == "[]\n", done.stdout + done.stderr
