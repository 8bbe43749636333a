"""Whole gateways of two workers whose settings are changed while they serve, over the control socket."""

import asyncio
import os
from pathlib import Path
from typing import Any

from penstock.core.tasks import Crew
from penstock.process.link import link_over
from tests.support.running_gateway import RunningGateway, running_gateway
from tests.support.whole import admin, penstock, rewrite, until

FILE = """
upstreams: {a: {kind: echo, weight: 2}, b: {kind: echo}}
models: {m: {upstreams: [a, b]}}
insight: {optimizer: {mode: %s}}
"""
KEY = "upstreams.a.weight"


def asked(gateway: RunningGateway, name: str, value: Any) -> Any:
    async def main() -> Any:
        crew = Crew("test")
        link, _ = await link_over(f"{gateway.home}/penstock-{os.getuid()}/{gateway.port}.sock", {}, crew)
        try:
            return await link.ask(name, value, within=60.0)
        finally:
            link.close()
            await crew.aclose()

    return asyncio.run(main())


def weights(gateway: RunningGateway) -> set[int]:
    """Of upstream a, as the workers that happen to answer have it."""
    return {admin(gateway, "/admin/v1/config")["upstreams"]["a"]["weight"] for _ in range(12)}


def test_settings_are_in_force_at_all_workers_until_the_file_or_the_end(tmp_path: Path) -> None:
    with running_gateway(tmp_path, FILE % "off", None, "--workers", "2") as gateway:
        answer = asked(gateway, "settings", {"settings": {KEY: "4"}, "by": "ada"})
        assert answer["ok"]
        assert weights(gateway) == {4}
        told = [{"key": KEY, "value": "4", "written": "2", "by": "ada"}]
        assert admin(gateway, "/admin/v1/status")["settings"] == told
        (tmp_path / "port.yaml").write_text(FILE % "off" + f"listen: {{port: {gateway.port}}}\n")
        note = penstock(tmp_path, "config", "--config", str(tmp_path / "port.yaml")).stderr
        assert f"{KEY} = 4 (here 2)" in note
        refused = asked(gateway, "settings", {"settings": {KEY: "4", "auth.mode": "open"}})
        assert (refused["ok"], refused["status"]) == (False, 422)
        rewrite(tmp_path / "penstock.yaml", (FILE % "off").replace("weight: 2", "weight: 3"))
        until(lambda: admin(gateway, "/admin/v1/status")["reloads"])
        assert admin(gateway, "/admin/v1/status")["settings"] == []
        until(lambda: weights(gateway) == {3})


def test_the_command_lists_and_refuses(tmp_path: Path) -> None:
    with running_gateway(tmp_path, FILE % "suggest", None, "--workers", "2") as gateway:
        port = str(gateway.port)

        def restored() -> bool:
            return "mode suggest" in penstock(tmp_path, "optimizer", "list", "--port", port).stdout

        until(restored)
        done = penstock(tmp_path, "optimizer", "apply", KEY, "4", "--port", port)
        assert done.returncode == 2
        assert "not known yet" in done.stderr or "may not" in done.stderr
        done = penstock(tmp_path, "optimizer", "apply", "auth.mode", "open", "--port", port)
        assert (done.returncode, done.stderr) == (2, "auth.mode is no key that may be moved here\n")
        done = penstock(tmp_path, "optimizer", "revert", KEY, "--port", port)
        assert (done.returncode, done.stderr) == (2, f"nothing of {KEY} is in force\n")
