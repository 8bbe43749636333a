import json
from pathlib import Path

import pytest

from penstock.cli import capacity
from penstock.cli.capacity import done, lines
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


def test_what_the_gateway_can_do_itself_says_so_and_how_it_lasts() -> None:
    mine = ADVICE | {"of": "pool own slots", "by": "apply", "setting": "upstreams: {own: {slots: 8}}"}
    assert lines({"hours": 3.5, "advice": [mine]})[-1] == (
        "    penstock capacity --apply does it; so that it lasts: upstreams: {own: {slots: 8}}"
    )
    assert lines({"hours": 3.5, "advice": [mine | {"setting": ""}]})[-1] == "    penstock capacity --apply does it"


def test_what_became_of_each_pool_is_told() -> None:
    row = {"before": {"memory": 2**30}, "size": {"memory": 2**31}, "dry_run": False, "why": "it is short"}
    pools = {
        "a": row, "b": row | {"size": row["before"], "dry_run": True},
        "c": {"problems": ["pool c: the cloud is\x1b[2J away"], "why": "x"},
    }  # fmt: skip
    assert done({"pools": pools}) == [
        "pool a: memory 1GiB -> memory 2GiB",
        "    it is short",
        "pool b: memory 1GiB already (nothing is changed: a dry run)",
        "    it is short",
        "pool c: the cloud is [2J away",
    ]
    assert done({"pools": {}}) == ["No pool has to be resized: 'penstock capacity' tells all advice, and why."]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--dry-run"], "--dry-run goes with --apply"),
        (["--pool", "gpu"], "--pool goes with --apply"),
        (["--size", "slots=4"], "--size goes with --apply"),
        (["--apply", "--size", "slots"], "--size slots: it is WHAT=VALUE, such as memory=8GiB"),
    ],
)
def test_words_that_do_not_go_together_are_refused(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capacity", *words]) == 2
    assert says in capsys.readouterr().err
