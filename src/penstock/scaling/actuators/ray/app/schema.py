"""Ray Serve's own description of what runs, and the one to send back with another number of replicas. Pure.

Serve takes a description of all applications at once and ends those that it does not name: so ours is made of what it
told, and refused where that would not be whole. Fails with ActuatorError.
"""

from __future__ import annotations

import copy
from typing import Any

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.replica import Replica, State

_STATES: dict[str, State] = {"RUNNING": "ready", "STOPPING": "draining", "PENDING_MIGRATION": "draining"}
"""All others are on their way."""
_HTTP = ("host", "port", "root_path", "request_timeout_s", "keep_alive_timeout_s")


def deployment_of(told: dict[str, Any], application: str, deployment: str) -> dict[str, Any]:
    """What is told of one deployment."""
    applications = told.get("applications") or {}
    app = applications.get(application)
    if app is None:
        known = ", ".join(applications) or "none"
        raise ActuatorError(f'Ray Serve has no application "{application}"; it has: {known}')
    deployments = app.get("deployments") or {}
    found = deployments.get(deployment)
    if found is None:
        known = ", ".join(deployments) or f"none ({app.get('message') or app.get('status')})"
        raise ActuatorError(f'Serve application "{application}" has no deployment "{deployment}"; it has: {known}')
    return dict(found)


def replicas_of(deployment: dict[str, Any]) -> list[Replica]:
    """Its replicas. Serve's own proxy is asked, so they have no addresses here."""
    return [
        Replica(
            str(one.get("replica_id", "")), "", _STATES.get(str(one.get("state")), "starting"),
            float(one.get("start_time_s") or 0.0), float(one.get("start_time_s") or 0.0),
        )
        for one in deployment.get("replicas") or []
    ]  # fmt: skip


def wanted_of(deployment: dict[str, Any]) -> int:
    """How many Serve was told to have."""
    target = deployment.get("target_num_replicas")
    if isinstance(target, int):
        return target
    config = deployment.get("deployment_config") or {}
    return int(config.get("num_replicas") or 0) if isinstance(config.get("num_replicas"), int) else -1


def with_replicas(told: dict[str, Any], application: str, deployment: str, count: int) -> dict[str, Any]:
    """The whole description, with ``count`` replicas of this deployment."""
    standing = deployment_of(told, application, deployment)
    if (standing.get("deployment_config") or {}).get("autoscaling_config"):
        raise ActuatorError(
            f'deployment "{deployment}" has an autoscaling_config of its own: two would decide. Take it out'
        )
    apps = []
    for name, app in told["applications"].items():
        config = app.get("deployed_app_config")
        if not config:
            raise ActuatorError(
                f'Serve application "{name}" was deployed by serve.run(), not from a config: what sets replicas would'
                " end it. Deploy it by `serve deploy`"
            )
        apps.append(copy.deepcopy(config))
    mine = next(one for one in apps if one.get("name", "default") == application)
    rows = mine.setdefault("deployments", [])
    row = next((one for one in rows if one.get("name") == deployment), None)
    if row is None:
        row = {"name": deployment}
        rows.append(row)
    row["num_replicas"] = count
    whole: dict[str, Any] = {"applications": apps}
    if told.get("proxy_location"):
        whole["proxy_location"] = told["proxy_location"]
    options = {key: value for key, value in (told.get("http_options") or {}).items() if key in _HTTP}
    if options:
        whole["http_options"] = options
    return whole
