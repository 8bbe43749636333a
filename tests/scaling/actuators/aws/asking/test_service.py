"""Questions to AWS, and what they fail with."""

import asyncio
import threading
import time
from typing import Any

import pytest

from penstock.scaling.actuators.actuator import ActuatorError
from tests.support.aws import PlayedAws


def test_an_answer_and_a_refusal_in_words() -> None:
    async def main() -> None:
        aws = PlayedAws()
        assert (await aws("ecs", "list_clusters"))["clusterArns"] == []
        with pytest.raises(
            ActuatorError, match="aws ecs describe_services: ClusterNotFoundException: Cluster not found"
        ):
            await aws("ecs", "describe_services", cluster="nobody", services=["x"])

    asyncio.run(main())


def test_what_aws_would_not_take_is_not_sent() -> None:
    with pytest.raises(ActuatorError, match="desiredCount"):
        asyncio.run(PlayedAws()("ecs", "update_service", service="x", desiredCount="many"))


def test_it_blocks_a_thread_and_not_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()

    class Slow:
        def list_clusters(self) -> dict[str, Any]:
            held.wait(10)
            return {"answered": True}

    async def main() -> None:
        aws = PlayedAws()
        monkeypatch.setattr(aws, "_client", lambda service: Slow())
        asking = asyncio.ensure_future(aws("ecs", "list_clusters"))
        began = time.monotonic()
        await asyncio.sleep(0)
        assert time.monotonic() - began < 5
        assert not asking.done()
        held.set()
        assert await asking == {"answered": True}

    asyncio.run(main())


def test_credentials_that_are_missing_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import NoCredentialsError

    class Nobody:
        def list_clusters(self) -> dict[str, Any]:
            raise NoCredentialsError

    aws = PlayedAws()
    monkeypatch.setattr(aws, "_client", lambda service: Nobody())
    with pytest.raises(ActuatorError, match="Unable to locate credentials"):
        asyncio.run(aws("ecs", "list_clusters"))
