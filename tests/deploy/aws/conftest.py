"""The app as ``penstock deploy aws`` writes it, synthesised once for all tests of its files: that takes seconds."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.main import main

CONFIG = """\
listen: {drain: 40s}
timeouts: {total: 300s}
upstreams: {up: {kind: openai, base_url: "https://api.example.org/v1", api_key: "${UP_KEY}"}}
models: {m: {upstreams: [up]}}
"""
DRIVER = """\
import json, os, sys, app
from pathlib import Path
from stacks.settings import load

app.build().synth()
wrong = {}
for name, (old, new) in json.loads(sys.argv[1]).items():
    text = Path("settings.toml").read_text()
    assert old in text, old
    Path("wrong.toml").write_text(text.replace(old, new))
    try:
        load(Path("wrong.toml"))
    except ValueError as error:
        wrong[name] = str(error)
Path("wrong.json").write_text(json.dumps(wrong))
"""
WRONG = {
    "strange": ["nodes = 2", "nodes = 2\nnode_count = 2"],
    "plain text": ['certificate = "arn:aws:acm:eu-west-1:1:certificate/x"', 'certificate = ""'],
    "lacking": ["nodes = 2", ""],
}


class Synthesised:
    """``resources`` by stack; ``wrong``: what is said of settings that are not right."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.resources: dict[str, dict[str, Any]] = {}
        self.texts: dict[str, str] = {}
        for path in sorted((folder / "cdk.out").glob("*.template.json")):
            stack = path.name.removesuffix(".template.json").removeprefix("pen-")
            self.texts[stack] = path.read_text()
            self.resources[stack] = json.loads(self.texts[stack])["Resources"]
        self.wrong: dict[str, str] = json.loads((folder / "wrong.json").read_text())

    def all(self, stack: str, kind: str) -> list[dict[str, Any]]:
        """The properties of every resource of a kind."""
        return [one.get("Properties", {}) for one in self.resources[stack].values() if one["Type"] == f"AWS::{kind}"]

    def one(self, stack: str, kind: str) -> dict[str, Any]:
        (found,) = self.all(stack, kind)
        return found


@pytest.fixture(scope="session")
def synthesised(tmp_path_factory: pytest.TempPathFactory, cdk_python: str) -> Synthesised:
    home = tmp_path_factory.mktemp("cdk")
    config, folder = home / "penstock.yaml", home / "app"
    config.write_text(CONFIG)
    arguments = ["--config", str(config), "--out", str(folder), "--variant", "both", "--store", "elasticache"]
    arguments += ["--name", "pen", "--certificate", "arn:aws:acm:eu-west-1:1:certificate/x"]
    assert main(["deploy", "aws", *arguments]) == 0
    settings = folder / "settings.toml"
    times = '\n[[function.schedules]]\nname = "Day"\ncron = "0 7 ? * MON-FRI *"\nmin = 100\nmax = 400\n'
    settings.write_text(settings.read_text().replace("\n[service]", f"{times}\n[service]"))
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(home), "CDK_OUTDIR": str(folder / "cdk.out"),
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(Path(cdk_python).parents[1] / "jsii"),  # unpacked once, not in each run
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1", "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }  # fmt: skip
    done = subprocess.run(
        [cdk_python, "-c", DRIVER, json.dumps(WRONG)], cwd=folder, env=environ, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return Synthesised(folder)
