import json
from typing import Any

import pytest

from penstock.cli.main import main
from penstock.cli.scaling import lines, told
from tests.support.asked_gateway import AskedGateway

PORT = ["--port", "9126"]


def replica(name: str, state: str = "ready", **more: Any) -> dict[str, Any]:
    row = {
        "name": name,
        "address": "127.0.0.1:1",
        "state": state,
        "since": 40.0,
        "asked": 30.0,
        "took": 9.5,
        "trouble": "",
    }
    return row | more


def row(*replicas: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "desired_replicas": 2, "standing": {"replicas": list(replicas)}, "min": 1, "max": 4, "policy": "forecast",
        "why": "the least", "trouble": "", "would": "", "dry_run": False, "decision": {"reason": "load 7 of 8"},
        "held": None, "changes": [{"at": 20.0, "wanted": 2, "reason": "load 7 of 8"}],
    } | more  # fmt: skip


def test_the_table_tells_what_stands_what_is_wanted_and_why(
    gateway: AskedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {
        "gpu": row(replica("a"), replica("b", "starting"), replica("c", "failed")),
        "sick": row(trouble="the cloud is away"),
        "dry": row(dry_run=True, would="have 3"),
    }
    gateway.given["leader"] = {"pools": rows}
    assert main(["scaling", *PORT]) == 0
    head, gpu, sick, dry = capsys.readouterr().out.splitlines()
    assert head.split()[:6] == ["pool", "ready", "starting", "draining", "failed", "wanted"]
    assert gpu.split(maxsplit=8) == ["gpu", "1", "1", "0", "1", "2", "1-4", "forecast", "load 7 of 8"]
    assert sick.endswith("the cloud is away")
    assert dry.endswith("(dry run) have 3")
    assert gateway.asked == [("leader", {"part": "scaling", "question": {}})]
    assert main(["scaling", "list", "--json", *PORT]) == 0
    assert json.loads(capsys.readouterr().out) == {"pools": rows}


def test_a_word_by_hand_is_said_with_who_and_how_long(
    gateway: AskedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    held = {"count": 3, "by": "the command line", "since": 1.0, "until": 0.0}
    gateway.given["leader"] = row(replica("a", took=0.0, trouble="it sulks"), held=held)
    assert main(["scaling", "want", "gpu", "3", "--for", "8h", *PORT]) == 0
    said = gateway.asked[0][1]["question"]
    assert (said["do"], json.loads(said["body"]), said["by"]) == (
        "want", {"pool": "gpu", "count": 3, "for": "8h"}, "the command line",
    )  # fmt: skip
    out = capsys.readouterr().out
    assert "set to 3 by the command line, until it is resumed" in out
    assert "it sulks" in out
    assert main(["scaling", "resume", "gpu", *PORT]) == 0
    assert json.loads(gateway.asked[1][1]["question"]["body"]) == {"pool": "gpu"}


def test_what_is_refused_is_told(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["leader"] = {"status": 400, "problems": ["count is a number of replicas from 1 to 4"]}
    assert main(["scaling", "want", "gpu", "9", *PORT]) == 2
    assert "from 1 to 4" in capsys.readouterr().err


def test_one_pool_in_lines() -> None:
    shown = told("gpu", row(replica("a")), 100.0)
    assert shown[0] == "gpu: 2 wanted, between 1 and 4, by forecast"
    assert shown[1] == "  load 7 of 8"
    assert "  a                127.0.0.1:1            ready    60 s, started in 9.5 s" in shown
    assert shown[-1] == "  80 s ago: 2, load 7 of 8"
    held = {"count": None, "by": "key-1", "since": 1.0, "until": 160.0}
    assert told("gpu", row(held=held), 100.0)[1:2] == ["  paused by key-1 for another 60 s"]
    assert told("gpu", row(), 1000.0)[-1] == "  16 min ago: 2, load 7 of 8"


def test_one_pool_in_lines_with_what_is_seen_and_why_a_replica_failed() -> None:
    seen = {"requests": 2.0, "in_flight": 3, "waiting": 1.0, "load": 41.04, "carries": 100.0, "starts": 9.5}
    failed = replica("b", "failed", took=0.0, trouble="it ended with status 1", said="no such model")
    shown = told("gpu", row(failed, seen=seen, trouble="b: it ended with status 1"), 100.0)
    assert shown[1:5] == [
        "  load 7 of 8",
        "  b: it ended with status 1",
        "  seen: 2 calls a second, 3 under way, 1 wait; load 41.04, in work a second; a replica carries 100;"
        " a start takes 9.5 s",
        "replicas:",
    ]
    assert shown[5].endswith("60 s: it ended with status 1: no such model")
    seen |= {"carries": 0.0, "starts": 0.0}
    assert told("gpu", row(seen=seen), 100.0)[2].endswith("is not known; no start was measured")


def test_no_pool_is_told_how_to_make_one() -> None:
    assert lines({}) == ["there is no pool: scaling.pools in the config makes one"]


def test_how_large_each_is_and_how_many_are_of_another_size() -> None:
    old, new = replica("a", stale=True), replica("b")
    standing = {"size": {"slots": 8, "memory": 2**31}, "replicas": [old, new]}
    assert "  each has slots 8, memory 2GiB; 1 still to be replaced" in told("gpu", row(standing=standing), 100.0)
    done = {"size": {"cpu": 0.5}, "replicas": [new]}
    assert "  each has cpu 0.5" in told("gpu", row(standing=done), 100.0)
    blind = {"unsized": "it may not look", "replicas": [new]}
    assert "  how large they are is not known: it may not look" in told("gpu", row(standing=blind), 100.0)
    assert not any("each has" in line for line in told("gpu", row(new), 100.0))
