"""The files of the app."""

import os
import subprocess
from pathlib import Path

from penstock.deploy.aws.files import APP, EXECUTABLE, files
from penstock.deploy.aws.image import Baked
from penstock.deploy.aws.settings import Terms
from penstock.scaling.steps import BANDS


def test_the_whole_app_is_there() -> None:
    made = files(Terms(BANDS), Baked("store: memory\n", [], {"0-ca.pem": b"x"}), "penstock[redis]==1.2.3")
    assert {"app.py", "cdk.json", "requirements.txt", "README.md", "settings.toml", "stacks/function.py"} <= made.keys()
    assert made["image/penstock.yaml"] == b"store: memory\n"
    assert made["image/requirements.txt"] == b"penstock[redis]==1.2.3\n"
    assert made["image/files/0-ca.pem"] == b"x"
    assert set(EXECUTABLE) <= made.keys()
    assert not [name for name in made if "__pycache__" in name]


def test_the_dockerfile_copies_only_what_is_there() -> None:
    made = files(Terms(BANDS), Baked("", []), "penstock")
    for line in made["image/Dockerfile"].decode().splitlines():
        words = line.split()
        if line.startswith("COPY") and not any(word.startswith("--from") for word in words):
            (name,) = [word for word in words[1:-1] if not word.startswith("--")]
            assert any(one.startswith(f"image/{name}") for one in made), line


def test_a_task_finds_its_keys_in_a_file_and_no_more_in_its_environment(tmp_path: Path) -> None:
    command = tmp_path / "bin" / "penstock"
    command.parent.mkdir()
    folder = '"$XDG_CONFIG_HOME/penstock"'
    command.write_text(f'#!/bin/sh\nls -l {folder}\ncat {folder}/keys.json\nenv\necho "$@"\n')
    command.chmod(0o755)
    environ = {
        "PATH": f"{command.parent}:{os.defpath}",
        "XDG_CONFIG_HOME": str(tmp_path),
        "PENSTOCK_KEYS": '{"a": "%s"}',
    }
    script = ["sh", str(APP / "image" / "serve.sh"), "serve", "--port", "1"]
    said = subprocess.run(script, env=environ, capture_output=True, text=True, check=True).stdout
    assert '{"a": "%s"}' in said
    assert "-rw------- " in said
    assert "PENSTOCK_KEYS" not in said
    assert said.endswith("serve --port 1\n")
