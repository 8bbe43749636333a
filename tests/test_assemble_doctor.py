import json
import threading
import time
from collections.abc import Iterator

import pytest

from penstock.assemble_doctor import Report, diagnose, wanted
from penstock.assemble_doctor_reach import Step
from penstock.config import Config
from penstock.routing.config import RoutingConfig
from tests.support.running_gateway import ROOT
from tests.support.scripted_upstream import EVENTS, Answer, ScriptedUpstream

CONFIG = """
timeouts: {{connect: 20s, first_token: {patience}}}
upstreams:
  echo: {{kind: echo}}
  gpu: {{kind: vllm, base_url: "{url}", api_key: secret-of-the-gpu}}
  cloud: {{kind: bedrock, region: eu-central-1}}
models:
  echo: {{upstreams: [echo]}}
  llama: {{upstreams: [gpu], upstream_model: org/llama}}
  again: {{upstreams: [gpu], upstream_model: org/llama}}
  "gpu/*": {{upstreams: [gpu, cloud], upstream_model: "*"}}
  plain: {{upstreams: [gpu]}}
"""


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


def config(upstream: ScriptedUpstream, patience: str = "20s") -> Config:
    return Config.parse(CONFIG.format(url=upstream.url, patience=patience), "penstock.yaml", {})


def test_each_upstream_has_its_report(upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/models"] = Answer(body=b'{"data":[{"id":"org/llama"}]}')
    upstream.answers["/v1/chat/completions"] = Answer(headers=(EVENTS,), body=b"data: {}\n\n")
    reports = {report.name: report for report in diagnose(config(upstream), {"gpu": "$GPU_KEY"})}
    assert list(reports) == ["echo", "gpu", "cloud"]
    states = {step.name: step.state for step in reports["echo"].steps}
    assert reports["echo"].ok
    assert (states["auth"], states["token"], states["stream"]) == ("skipped", "ok", "ok")
    assert reports["gpu"].steps[-1].state == "ok"
    assert not reports["gpu"].ok  # its answer to the whole call was a stream
    assert "not offered" in reports["cloud"].steps[0].said
    assert {json.loads(request.body)["model"] for request in upstream.requests if request.body} == {"org/llama"}


def test_what_is_found_while_serving_is_not_looked_for(upstream: ScriptedUpstream) -> None:
    text = "upstreams: {pool: {kind: vllm, discover: {file: f}}}\nmodels: {m: {upstreams: [pool]}}\n"
    (report,) = diagnose(Config.parse(text, "penstock.yaml", {}), {})
    assert report.ok
    assert [(step.state, "found while serving" in step.said) for step in report.steps] == [("skipped", True)]


@pytest.mark.parametrize(("program", "state"), [("sh", "ok"), ("no-such-engine", "failed")])
def test_the_program_that_starts_a_pool_s_replicas_is_looked_for(program: str, state: str) -> None:
    text = (
        "upstreams: {gpu: {kind: vllm, discover: {scaling: true}}}\nmodels: {m: {upstreams: [gpu]}}\n"
        f"scaling: {{pools: {{gpu: {{local: {{command: [{program}, '{{port}}']}}}}}}}}\n"
    )
    (report,) = diagnose(Config.parse(text, "penstock.yaml", {}), {})
    (step,) = report.steps
    assert (step.name, step.state, program in step.said) == ("command", state, True)
    assert ("scaling.pools.gpu.local.command" in step.fix) == (state == "failed")


def test_an_address_of_its_own_is_where_it_connects(upstream: ScriptedUpstream) -> None:
    text = (
        "upstreams: {x: {kind: vllm, base_url: 'http://models.invalid/v1', address: '127.0.0.1:%d'}}\n"
        "models: {m: {upstreams: [x]}}\n"
    )
    (report,) = diagnose(Config.parse(text % upstream.port, "penstock.yaml", {}), {})
    assert {step.name: step.state for step in report.steps if step.name in ("dns", "tcp")} == {"dns": "ok", "tcp": "ok"}
    assert upstream.requests[0].header("host") == "models.invalid"


def test_only_one(upstream: ScriptedUpstream) -> None:
    assert [report.name for report in diagnose(config(upstream), {}, only="echo")] == ["echo"]


def test_it_ends_within_its_limit(upstream: ScriptedUpstream) -> None:
    free = threading.Event()
    upstream.answers["/v1/models"] = lambda connection, request: free.wait(20)
    began = time.monotonic()
    (report,) = diagnose(config(upstream, patience="20s"), {}, only="gpu", limit=0.3)
    took = time.monotonic() - began
    free.set()
    assert took < 15
    assert [(step.name, step.state) for step in report.steps][-1] == ("auth", "failed")
    assert report.steps[-1].said == "not done within 0.3 s"


def test_wanted_names_the_models_as_the_upstream_knows_them(upstream: ScriptedUpstream) -> None:
    routing = config(upstream).of(RoutingConfig)
    assert wanted(routing, "gpu") == ("org/llama", "*", "plain")
    assert wanted(routing, "echo") == ("echo",)
    assert wanted(routing, "nobody") == ()


def test_a_report_is_ok_unless_a_step_failed() -> None:
    assert Report("a", "echo", [Step("dns", "skipped"), Step("token", "ok")]).ok
    assert not Report("a", "echo", [Step("dns", "ok"), Step("tcp", "failed")]).ok


@pytest.mark.local
def test_the_embedded_model_is_started_asked_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    text = "upstreams: {here: {kind: local}}\nmodels: {smollm2: {upstreams: [here]}}"
    (report,) = diagnose(Config.parse(text, "penstock.yaml", {}), {})
    assert report.ok, report
    states = {step.name: step.state for step in report.steps}
    assert (states["start"], states["models"], states["token"], states["stream"]) == ("ok", "ok", "ok", "ok")


@pytest.mark.local
def test_weights_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    bad = tmp_path_factory.mktemp("weights") / "bad.gguf"
    bad.write_bytes(b"not one")
    monkeypatch.setenv("PENSTOCK_SMOLLM2_GGUF", str(bad))
    text = "upstreams: {here: {kind: local}}\nmodels: {smollm2: {upstreams: [here]}}"
    (report,) = diagnose(Config.parse(text, "penstock.yaml", {}), {}, limit=60)
    assert [(step.name, step.state) for step in report.steps] == [("start", "failed")]
    assert "not a GGUF file" in report.steps[0].said
