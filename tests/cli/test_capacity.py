import json
from pathlib import Path

import pytest

from penstock.cli import capacity
from penstock.cli.capacity import lines
from penstock.cli.main import main
from tests.support.running_gateway import running_gateway

ADVICE = {
    "of": "gateway workers", "now": 1, "wanted": 3, "unit": "workers", "does": "more", "reason": "it is busy",
    "by": "restart", "evidence": {}, "setting": "listen: {workers: 3}",
}  # fmt: skip


def test_what_should_change_comes_first_and_says_how() -> None:
    right = ADVICE | {"of": "gateway memory", "now": 2**30, "wanted": 2**30, "unit": "bytes", "does": "keep"}
    assert lines({"hours": 3.5, "advice": [right, ADVICE]}) == [
        "By what was measured in 3.5 hours (the last 24 at most):",
        "",
        "+ gateway workers: 1 workers -> 3 workers",
        "    it is busy",
        "    change the config, then restart: listen: {workers: 3}",
        "= gateway memory: 1024 MiB is right",
        "    it is busy",
    ]
    assert lines({"hours": 0, "advice": []}) == ["Nothing was measured yet that anything could be sized by."]


def test_names_that_are_no_text_are_not_shown_as_they_are() -> None:
    (told,) = [line for line in lines({"hours": 1, "advice": [ADVICE | {"of": "a\x1b[2Jb"}]}) if "[2J" in line]
    assert "\x1b" not in told


def test_a_gateway_elsewhere_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running_gateway(tmp_path, "upstreams: {echo: {kind: echo}}\nmodels: {m: {upstreams: [echo]}}\n") as gateway:
        assert capacity.main(["--url", gateway.url, "--key", gateway.key, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert {one["of"] for one in told["advice"]} <= {"gateway workers", "gateway memory"}
        assert main(["capacity", "--url", gateway.url, "--key", gateway.key]) == 0
        assert capsys.readouterr().out
