"""The unit, as systemd itself reads it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.deploy.systemd import Place, systemd
from tests.support.deployed import facts_of

CONFIG = "listen: {port: 8400, drain: 1500ms, workers: 3}\nmemory: {limit: 3GiB}\nupstreams: {e: {kind: echo}}\n"
USED = Place(program=sys.executable)
"""That it is there and may be run is looked at, too."""


@pytest.mark.systemd
@pytest.mark.parametrize("config", [CONFIG, "cache: {semantic: {enabled: true}}\n"])
def test_systemd_takes_it_and_finds_it_shut_in(tmp_path: Path, systemd_analyze: str, config: str) -> None:
    unit = tmp_path / "penstock.service"
    unit.write_text(systemd(facts_of(config), Place(program=sys.executable, written=["/srv/penstock"])))
    told = subprocess.run([systemd_analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (0, "")
    told = subprocess.run(
        [systemd_analyze, "security", "--offline=true", "--no-pager", str(unit)], capture_output=True, text=True
    )
    exposure = re.search(r"Overall exposure level for penstock.service: ([0-9.]+)", told.stdout)
    assert exposure is not None, told
    assert float(exposure[1]) < 2.0


def test_a_stop_has_the_time_that_calls_are_given() -> None:
    lines = systemd(facts_of(CONFIG), USED).splitlines()
    assert "TimeoutStopSec=17" in lines
    assert "LimitNOFILE=124096" in lines
    assert f"MemoryMax={4 * 2**30}" in lines
    assert "Type=notify" in lines
    assert "ExecReload=/bin/kill -HUP $MAINPID" in lines
    assert "MemoryDenyWriteExecute=yes" in lines


def test_what_compiles_at_run_time_may() -> None:
    lines = systemd(facts_of("cache: {semantic: {enabled: true}}\n"), USED).splitlines()
    assert "MemoryDenyWriteExecute=no" in lines
    devices = systemd(facts_of(CONFIG), Place(devices=True)).splitlines()
    assert "PrivateDevices=no" in devices


@pytest.mark.parametrize(
    "place",
    [
        Place(program="penstock"),
        Place(program="/a b"),
        Place(config="/x\nExecStart=/bin/sh"),
        Place(user="root; x"),
        Place(written=["/a%b"]),
    ],
)
def test_what_would_not_stand_as_one_word(place: Place) -> None:
    with pytest.raises(ValueError):
        systemd(facts_of(CONFIG), place)
