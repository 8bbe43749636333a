import asyncio
import json
import logging
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from penstock.process.trials import Trials
from penstock.routing.trial import Rules, Trial
from tests.faults.upstream import refusing_port
from tests.support.running_gateway import RunningGateway, running_gateway
from tests.support.whole import admin, until


class Workers:
    """Two workers, each with a trial of the model ``m``."""

    def __init__(self) -> None:
        self.trials = [Trial(0.5, Rules(least_calls=40), lambda low, high: 0.25) for _ in range(2)]
        self.id = "one"
        self.told: list[Any] = []

    async def ask_all(self, name: str, value: Any) -> list[Any]:
        if name == "trials":
            return [{"m": {"id": self.id, **trial.dump()}} for trial in self.trials]
        assert name == "decide"
        self.told.append(value)
        if value["id"] == self.id:
            for trial in self.trials:
                trial.decide(value["verdict"], value["reason"])
        return []

    def measure(self, failing: int, answering: int) -> None:
        for trial in self.trials:
            for _ in range(failing):
                trial.new.failed()
            for number in range(answering):
                trial.new.answered(0.3 + number % 5 / 100, 0.02)
            for number in range(200):
                trial.old.answered(0.3 + number % 5 / 100, 0.02)


def test_what_each_measured_is_added_up_and_judged() -> None:
    workers = Workers()
    trials = Trials(workers.ask_all)
    workers.measure(3, 0)
    asyncio.run(trials.look())
    assert not workers.told  # six calls
    workers.measure(1, 0)
    asyncio.run(trials.look())
    assert [told["verdict"] for told in workers.told] == ["rolled_back"]
    assert {trial.share for trial in workers.trials} == {0.0}


def test_a_fit_version_is_told_of_once_and_waits_for_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    workers = Workers()
    trials = Trials(workers.ask_all)
    with caplog.at_level(logging.WARNING, "penstock"):
        for _ in range(6):
            workers.measure(0, 200)
            asyncio.run(trials.look())
    assert [told["verdict"] for told in workers.told] == ["fit"]
    assert "the new version of model 'm' is fit" in caplog.text
    assert {trial.share for trial in workers.trials} == {0.5}
    assert asyncio.run(trials.decide("m", "promote"))
    assert {trial.share for trial in workers.trials} == {1.0}
    assert not asyncio.run(trials.decide("other", "promote"))


def test_a_worker_that_starts_later_is_told() -> None:
    workers = Workers()
    trials = Trials(workers.ask_all)
    asyncio.run(trials.decide("m", "rollback"))
    workers.trials[1] = Trial(0.5, Rules(), lambda low, high: 0.25)
    asyncio.run(trials.look())
    assert {trial.share for trial in workers.trials} == {0.0}
    told = len(workers.told)
    asyncio.run(trials.look())
    assert len(workers.told) == told


def test_a_changed_model_is_on_trial_anew() -> None:
    workers = Workers()
    trials = Trials(workers.ask_all)
    workers.measure(20, 0)
    asyncio.run(trials.look())
    fresh = Workers()
    workers.trials, workers.id = fresh.trials, "two"
    asyncio.run(trials.look())
    assert {trial.verdict for trial in workers.trials} == {"running"}


def test_an_operator_may_take_it_up_again() -> None:
    workers = Workers()
    trials = Trials(workers.ask_all)
    asyncio.run(trials.decide("m", "rollback"))
    asyncio.run(trials.decide("m", "resume"))
    assert {trial.share for trial in workers.trials} == {0.5}


CONFIG = """
upstreams:
  echo: {{kind: echo}}
  bad: {{kind: vllm, base_url: "http://127.0.0.1:{port}/v1"}}
models:
  m: {{upstreams: [echo], canary: {{upstreams: [bad], share: 0.5}}}}
  n: {{upstreams: [echo], canary: {{upstream_model: other, share: 0.01}}}}
"""


def call(gateway: RunningGateway, model: str) -> dict[str, str]:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}]}).encode()
    fields = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json"}
    with urllib.request.urlopen(
        urllib.request.Request(gateway.v1 + "/chat/completions", body, fields), timeout=20
    ) as one:
        assert json.loads(one.read())["choices"][0]["message"]["content"] == "hello"
        return dict(one.headers)


def test_a_version_that_cannot_answer_costs_no_caller_anything_and_is_taken_back(tmp_path: Path) -> None:
    with (
        refusing_port() as port,
        running_gateway(tmp_path, CONFIG.format(port=port), None, "--workers", "2") as gateway,
    ):
        attempts = [int(call(gateway, "m")["x-penstock-attempts"]) for _ in range(40)]
        assert set(attempts) == {1, 2}
        until(lambda: admin(gateway, "/admin/v1/trials")["m"]["verdict"] == "rolled_back", 20)
        assert {call(gateway, "m")["x-penstock-attempts"] for _ in range(20)} == {"1"}
        assert admin(gateway, "/admin/v1/trials")["m"]["new"]["failures"] >= 8
        assert admin(gateway, "/admin/v1/trials/promote/n", "POST")["n"]["share"] == 1.0
        for _ in range(10):
            call(gateway, "n")
        assert 'model="n@canary"' in admin(gateway, "/metrics")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            admin(gateway, "/admin/v1/trials/promote/none", "POST")
