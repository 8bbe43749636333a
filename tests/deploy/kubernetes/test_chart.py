"""The chart, rendered by Helm's own engine."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.deploy.facts import Facts
from penstock.deploy.kubernetes.chart import WORDS, chart
from penstock.deploy.kubernetes.manifests import manifests
from penstock.deploy.kubernetes.terms import Terms
from tests.deploy.kubernetes.test_manifests import TERMS
from tests.support.deployed import facts_of
from tests.support.manifests import check, loaded

# Helm is Go, which takes the signals of the process that loads it: so that is one of its own.
PROGRAM = """
import json, sys
from helm_python.chart import Chart, lint
answers = []
for asked in json.load(sys.stdin):
    with Chart.load(asked["chart"]) as chart:
        rendered = chart.render(values=asked["values"], name=asked["name"], namespace=asked["namespace"])
    answers.append({"rendered": rendered, "lint": lint(asked["chart"], values=asked["values"], strict=True)})
print(json.dumps(answers))
"""


Asked = tuple[Facts, Terms, dict[str, Any], str, str]
"""What of, with which values, under which name and in which namespace."""


def rendered(folder: Path, *asked: Asked) -> list[dict[str, str]]:
    """The texts of each chart by their files."""
    questions = []
    for number, (facts, terms, values, name, namespace) in enumerate(asked):
        place = folder / str(number)
        for file, text in chart(facts, terms, "1.2.3").items():
            (place / file).parent.mkdir(exist_ok=True, parents=True)
            (place / file).write_text(text)
        questions.append({"chart": str(place), "values": values, "name": name, "namespace": namespace})
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(questions), capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 0, told.stderr
    answers = json.loads(told.stdout)
    assert [one["lint"]["errors"] for one in answers] == [[]] * len(asked)
    return [
        {name.removeprefix("penstock/templates/"): text for name, text in one["rendered"].items()} for one in answers
    ]


@pytest.mark.helm
def test_with_nothing_chosen_it_says_what_the_manifests_say(tmp_path: Path) -> None:
    known = [(facts_of(config), terms) for config, terms in TERMS]
    answers = rendered(tmp_path, *((facts, terms, {}, terms.name, terms.namespace) for facts, terms in known))
    for (facts, terms), told in zip(known, answers, strict=True):
        told.pop("NOTES.txt")
        objects = {name: loaded(text) for name, text in told.items() if loaded(text)}
        assert objects == {name: loaded(text) for name, text in manifests(facts, terms).items()}


@pytest.mark.helm
def test_what_may_be_chosen(tmp_path: Path) -> None:
    values = {
        "image": {"repository": "registry.example/llm/penstock", "tag": "9", "pullSecrets": [{"name": "pull"}]},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "podAnnotations": {"on": "yes", "number": "1e3"},
        "priorityClassName": "high",
        "resources": {"requests": {"cpu": "4"}},
        "networkPolicy": {"from": [{"podSelector": {}}]},
        "serviceMonitor": {"enabled": True},
        "headless": {"enabled": True},
        "service": {"type": "LoadBalancer", "port": 80, "annotations": {"a": "b"}},
        "autoscaling": {"min": 4, "max": 9, "cpu": 50},
        "config": "upstreams: {}  # {{ .Values.image }} <&>\n",
    }
    closed = {"networkPolicy": {"enabled": False}}
    told, without = rendered(
        tmp_path, (facts_of(), Terms(), values, "gate", "llm"), (facts_of(), Terms(), closed, "gate", "llm")
    )
    assert loaded(without["networkpolicy.yaml"]) == []
    notes = told.pop("NOTES.txt")
    assert "http://gate.llm.svc:80" in notes
    assert "kubectl -n llm create secret generic gate-keys" in notes
    objects = [one for text in told.values() for one in loaded(text)]
    check(objects)
    by_kind = {one["kind"]: one for one in objects}
    pod = by_kind["Deployment"]["spec"]["template"]
    assert pod["spec"]["containers"][0]["image"] == "registry.example/llm/penstock:9"
    assert pod["spec"]["tolerations"] == values["tolerations"]
    assert pod["metadata"]["annotations"] == values["podAnnotations"]
    assert by_kind["ConfigMap"]["data"]["penstock.yaml"] == values["config"]
    assert {one["metadata"]["namespace"] for one in objects} == {"llm", "engines"}
    assert all(one["metadata"]["name"].startswith("gate") for one in objects)


def test_every_value_is_explained() -> None:
    known = set[str]()
    for config, terms in TERMS:
        files = chart(facts_of(config), terms, "1.2.3")
        known |= set(yaml.safe_load(files["values.yaml"]))
        assert yaml.safe_load(files["Chart.yaml"])["appVersion"] == "1.2.3"
    assert known == set(WORDS)
