"""What is shipped beside the program: dashboards for Grafana and alert rules for Prometheus."""

import json
import re
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from penstock.observe.prometheus import METRICS
from tests.support.running_gateway import RunningGateway, running_gateway
from tests.support.whole import until

FOLDER = Path(__file__).resolve().parents[2] / "observability"
DASHBOARDS = sorted((FOLDER / "grafana").glob("*.json"))
RULES = FOLDER / "prometheus" / "rules.yaml"
CONFIG = """
auth: {mode: open}
upstreams: {echo: {kind: echo}, dead: {kind: openai, base_url: "http://127.0.0.1:1"}}
models: {echo: {upstreams: [echo]}, gone: {upstreams: [dead]}}
"""
SCRAPED_SECONDS = 100.0


def dashboard(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def queries(path: Path) -> list[tuple[str, str]]:
    """``(panel, query)``, with Grafana's variables filled in."""
    return [
        (panel["title"], target["expr"].replace("$__rate_interval", "20s").replace("$model", ".*"))
        for panel in dashboard(path)["panels"]
        for target in panel["targets"]
    ]


def names(text: str) -> set[str]:
    """The metrics in a query, without what a histogram adds to its name."""
    found = set(re.findall(r"\bpenstock_[a-z0-9_]+", text))
    return {re.sub(r"_(bucket|sum|count)$", "", name) if name not in METRICS else name for name in found}


@pytest.mark.parametrize("path", [*DASHBOARDS, RULES], ids=lambda path: path.name)
def test_every_metric_that_is_asked_for_is_in_the_table(path: Path) -> None:
    text = RULES.read_text() if path == RULES else "\n".join(query for _, query in queries(path))
    found = names(text)
    assert len(found) >= 10
    assert found - METRICS.keys() == set()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_a_dashboard_can_be_imported(path: Path) -> None:
    board = dashboard(path)
    assert {"uid", "title", "panels", "templating", "schemaVersion", "time"} <= board.keys()
    variables = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", path.read_text())) - {"__rate_interval", "__all"}
    assert used == variables
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set[tuple[int, int]]()
    for panel in board["panels"]:
        assert panel["title"]
        assert panel["targets"]
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, f"{panel['title']} lies upon another"
        taken |= cells


@pytest.mark.promtool
@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_every_query_is_one_that_prometheus_can_read(path: Path, promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{at}", "expr": query} for at, (_, query) in enumerate(queries(path))]
    file = tmp_path / "panels.yaml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))  # JSON is YAML
    done = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


@pytest.mark.promtool
def test_the_rules_are_sound_and_fire_when_they_should(promtool: str) -> None:
    for arguments in (["check", "rules", RULES.name], ["test", "rules", "rules_test.yaml"]):
        done = subprocess.run([promtool, *arguments], cwd=RULES.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def listens(log: Path) -> int:
    """The port that Prometheus was given, once it has logged that."""
    found = until(lambda: re.search(r'"Listening on" address=127\.0\.0\.1:(\d+)', log.read_text()))
    return int(found[1])


def say(gateway: RunningGateway, path: str, body: dict[str, Any]) -> str:
    request = urllib.request.Request(
        gateway.url + path, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
            return str(answer.headers["x-request-id"])
    except urllib.error.HTTPError as error:
        return str(error.headers["x-request-id"])


def traffic(gateway: RunningGateway, over: threading.Event) -> None:
    """A little of everything that the overview shows."""
    number = 0
    while not over.wait(0.2):
        number += 1
        for model, stream in (("echo", True), ("echo", False), ("gone", False), ("nobody", False)):
            words = f"question {number if number % 2 else 0} of many words to be said again"
            body = {
                "model": model,
                "stream": stream,
                "messages": [{"role": "user", "content": words}],
                "temperature": 0,
            }
            id = say(gateway, "/v1/chat/completions", body)
        say(gateway, "/v1/feedback", {"request_id": id, "score": 0.5})


@pytest.mark.promtool
@pytest.mark.slow
def test_every_panel_of_the_overview_shows_something_of_a_running_gateway(prometheus: str, tmp_path: Path) -> None:
    with running_gateway(tmp_path, CONFIG) as gateway:
        config = tmp_path / "prometheus.yaml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "5s"}, "rule_files": [str(RULES)],
            "scrape_configs": [
                {"job_name": "penstock", "static_configs": [{"targets": [f"127.0.0.1:{gateway.port}"]}]},
            ],
        }))  # fmt: skip
        argv = [prometheus, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                "--web.listen-address=127.0.0.1:0", "--log.level=info"]  # fmt: skip
        done = threading.Event()
        with (tmp_path / "prometheus.log").open("w") as log:
            server = subprocess.Popen(argv, stdout=log, stderr=log)
        caller = threading.Thread(target=traffic, args=(gateway, done))
        caller.start()
        try:
            missing = queries(FOLDER / "grafana" / "overview.json")
            port = listens(tmp_path / "prometheus.log")
            limit = time.monotonic() + SCRAPED_SECONDS
            while missing and time.monotonic() < limit:
                time.sleep(0.5)  # between two looks
                missing = [(panel, query) for panel, query in missing if not shows(port, query)]
        finally:
            done.set()
            caller.join()
            server.terminate()
            server.wait()
    assert missing == [], (tmp_path / "prometheus.log").read_text()


def shows(port: int, query: str) -> bool:
    """Whether a query has an answer with a number in it."""
    asked = urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{asked}", timeout=30) as answer:
            found = json.load(answer)["data"]["result"]
    except (urllib.error.URLError, ConnectionError):
        return False
    return any(sample["value"][1] != "NaN" for sample in found)
