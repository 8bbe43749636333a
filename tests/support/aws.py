"""AWS, played by moto; what moto lacks is answered here, its parameters held against AWS's own description."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import boto3

from penstock.scaling.actuators.aws.asking.service import Aws

REGION = "eu-west-1"
Answer = Callable[[dict[str, Any]], dict[str, Any]]


@cache
def session() -> Any:
    """One for all tests: it keeps AWS's descriptions, which take long to read."""
    return boto3.Session("testing", "testing", region_name=REGION)


@cache
def client(service: str) -> Any:
    """One a service, for the same reason; what it talks to is another in each test."""
    return session().client(service)


class PlayedAws(Aws):
    """``played`` answers operations by name; ``asked`` keeps what was asked, reads left out."""

    def __init__(self, **played: Answer) -> None:
        super().__init__(REGION, 5.0)
        self.played = played
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def _client(self, service: str) -> Any:
        return client(service)

    async def __call__(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        if not operation.startswith(("describe_", "list_", "get_")):
            self.asked.append((operation, parameters))
        if operation not in self.played:
            return await super().__call__(service, operation, **parameters)
        from botocore.validate import validate_parameters

        client = self._client(service)
        model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
        validate_parameters(parameters, model.input_shape)
        return self.played[operation](parameters)
