from typing import Any

import pytest

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.ray.app.schema import deployment_of, replicas_of, wanted_of, with_replicas


def told(**more: Any) -> dict[str, Any]:
    """As Ray 2.60 tells it, shortened."""
    deployment = {
        "name": "Engine", "status": "HEALTHY", "deployment_config": {"num_replicas": 1}, "target_num_replicas": 1,
        "replicas": [{"replica_id": "r1", "state": "RUNNING", "start_time_s": 5.0},
                     {"replica_id": "r2", "state": "STOPPING", "start_time_s": 4.0},
                     {"replica_id": "r3", "state": "STARTING"}],
    }  # fmt: skip
    config = {"name": "llm", "import_path": "app:app", "deployments": [{"name": "Engine", "num_replicas": 1, "x": 2}]}
    other = {"name": "other", "import_path": "b:b"}
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": 8000, "keep_alive_timeout_s": 90, "unknown": 1},
        "applications": {
            "llm": {"status": "RUNNING", "deployed_app_config": config, "deployments": {"Engine": deployment}},
            "other": {"status": "RUNNING", "deployed_app_config": other, "deployments": {}},
        },
        **more,
    }


def test_replicas_are_read() -> None:
    deployment = deployment_of(told(), "llm", "Engine")
    assert [(one.name, one.state, one.since) for one in replicas_of(deployment)] == [
        ("r1", "ready", 5.0), ("r2", "draining", 4.0), ("r3", "starting", 0.0),
    ]  # fmt: skip
    assert wanted_of(deployment) == 1
    assert wanted_of({"deployment_config": {"num_replicas": 4}}) == 4
    assert wanted_of({"deployment_config": {"num_replicas": "auto"}}) == -1


def test_only_the_number_changes_and_every_application_stays() -> None:
    given = told()
    whole = with_replicas(given, "llm", "Engine", 7)
    assert whole == {
        "applications": [
            {"name": "llm", "import_path": "app:app", "deployments": [{"name": "Engine", "num_replicas": 7, "x": 2}]},
            {"name": "other", "import_path": "b:b"},
        ],
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": 8000, "keep_alive_timeout_s": 90},
    }
    assert given == told(), "what was told is not changed"


def test_a_deployment_that_its_config_does_not_name_is_added_there() -> None:
    given = told()
    del given["applications"]["llm"]["deployed_app_config"]["deployments"]
    app = with_replicas(given, "llm", "Engine", 2)["applications"][0]
    assert app["deployments"] == [{"name": "Engine", "num_replicas": 2}]


def test_what_would_end_something_is_refused() -> None:
    given = told()
    given["applications"]["other"]["deployed_app_config"] = None
    with pytest.raises(ActuatorError, match=r'"other" was deployed by serve.run\(\)'):
        with_replicas(given, "llm", "Engine", 2)
    given = told()
    given["applications"]["llm"]["deployments"]["Engine"]["deployment_config"]["autoscaling_config"] = {"max": 1}
    with pytest.raises(ActuatorError, match="two would decide"):
        with_replicas(given, "llm", "Engine", 2)


def test_a_wrong_name_is_told_with_those_there_are() -> None:
    with pytest.raises(ActuatorError, match='no application "lm"; it has: llm, other'):
        deployment_of(told(), "lm", "Engine")
    with pytest.raises(ActuatorError, match='no deployment "engine"; it has: Engine'):
        deployment_of(told(), "llm", "engine")
    with pytest.raises(ActuatorError, match="it has: none"):
        deployment_of({}, "llm", "Engine")
