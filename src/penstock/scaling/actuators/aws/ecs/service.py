"""An actuator whose replicas are the tasks of an ECS service.

ECS chooses whom it stops when fewer are wanted, but never one that is protected from scale-in: so before it is told,
all but the victims are. Protection ends by itself; a deployment waits for it. A service that Application Auto Scaling
sizes, too, would be pulled both ways. A task of another size is another revision of the definition, which ECS rolls out
by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import structs

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.aws.asking.service import Asking
from penstock.scaling.actuators.aws.ecs.definition import fitted, registered, size_of
from penstock.scaling.actuators.aws.replicas import of_task
from penstock.scaling.actuators.aws_config import EcsConfig
from penstock.scaling.replica import Replica, Standing
from penstock.scaling.size import Size

MOST_PAGES = 20
DESCRIBED, PROTECTED = 100, 10
"""How many tasks one question may name."""
PROTECTED_MINUTES = 10


class Ecs:
    """An Actuator. ``sized``: whether anybody wants to know how large its tasks are."""

    def __init__(
        self, config: EcsConfig, ask: Asking, price: float = 0.0, sized: Callable[[], bool] = lambda: False
    ) -> None:
        self._config = config
        self._ask = ask
        self._price = price
        self._sized = sized
        self._sizes: dict[str, Size] = {}
        """By revision of the definition, which never changes."""

    async def current(self) -> Standing:
        """The tasks."""
        service = await self._service()
        standing = Standing(
            int(service["desiredCount"]), await self._replicas(), self._price,
            rolls=len(service.get("deployments", ())) > 1,
        )  # fmt: skip
        if not self._sized():
            return standing
        try:
            size = await self._size(service["taskDefinition"])
        except ActuatorError as error:  # tasks are started and ended all the same
            return structs.replace(standing, unsized=str(error))
        return structs.replace(standing, size=size, can=["cpu", "memory"])

    async def _size(self, revision: str) -> Size:
        if revision not in self._sizes:
            self._sizes = {revision: size_of((await self._definition(revision))["taskDefinition"])}
        return self._sizes[revision]

    async def _definition(self, revision: str) -> dict[str, Any]:
        return await self._ask("ecs", "describe_task_definition", taskDefinition=revision, include=["TAGS"])

    async def _service(self) -> dict[str, Any]:
        told = await self._ask(
            "ecs", "describe_services", cluster=self._config.cluster, services=[self._config.service]
        )
        active = [one for one in told.get("services", []) if one.get("status") == "ACTIVE"]
        if not active:
            raise ActuatorError(f"{self._words}: there is no such service")
        return dict(active[0])

    async def _replicas(self) -> list[Replica]:
        found = []
        for arns in _few(await self._arns(), DESCRIBED):
            told = await self._ask("ecs", "describe_tasks", cluster=self._config.cluster, tasks=arns)
            found += [of_task(task, self._config.port) for task in told.get("tasks", [])]
        return [one for one in found if one is not None]

    async def _arns(self) -> list[str]:
        arns: list[str] = []
        on: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            told = await self._ask("ecs", "list_tasks", cluster=self._config.cluster, serviceName=self._config.service,
                                   **on)  # fmt: skip
            arns += told.get("taskArns", [])
            if not told.get("nextToken"):
                return arns
            on = {"nextToken": told["nextToken"]}
        raise ActuatorError(f"{self._words}: it has more tasks than can be listed in {MOST_PAGES} pages")

    async def want(self, count: int, victims: Sequence[str] = ()) -> None:
        """Ask for ``count`` tasks; where fewer, no others than ``victims`` go while those suffice."""
        if victims:
            arns = await self._arns()
            going = [arn for arn in arns if arn.rpartition("/")[2] in set(victims)]
            await self._protect([arn for arn in arns if arn not in set(going)], True)
            await self._protect(going, False)
        await self._ask("ecs", "update_service", cluster=self._config.cluster, service=self._config.service,
                        desiredCount=count)  # fmt: skip

    async def _protect(self, arns: Sequence[str], protected: bool) -> None:
        """Raises ActuatorError when ECS does not: then nobody is stopped."""
        more: dict[str, Any] = {"expiresInMinutes": PROTECTED_MINUTES} if protected else {}
        for some in _few(arns, PROTECTED):
            told = await self._ask("ecs", "update_task_protection", cluster=self._config.cluster, tasks=some,
                                   protectionEnabled=protected, **more)  # fmt: skip
            wrong = [one for one in told.get("failures", []) if one.get("reason") not in ("MISSING", "TASK_NOT_VALID")]
            if wrong:
                raise ActuatorError(
                    f"{self._words}: {wrong[0].get('arn', '')} cannot be protected: {wrong[0].get('reason')}"
                )

    async def resize(self, size: Size, *, dry_run: bool = False) -> Size:
        """Register a revision of this size, and have the service run it."""
        if other := [name for name in size.said() if name not in ("cpu", "memory")]:
            raise ActuatorError(f"{self._words}: {' and '.join(other)} cannot be changed: a task has cpu and memory")
        told = await self._definition((await self._service())["taskDefinition"])
        try:
            wanted = fitted(told["taskDefinition"], size)
        except ValueError as error:
            raise ActuatorError(f"{self._words}: {error}") from None
        if dry_run or wanted == size_of(told["taskDefinition"]):
            return wanted
        made = await self._ask(
            "ecs", "register_task_definition", **registered(told["taskDefinition"], wanted, told.get("tags", []))
        )
        await self._ask("ecs", "update_service", cluster=self._config.cluster, service=self._config.service,
                        taskDefinition=made["taskDefinition"]["taskDefinitionArn"])  # fmt: skip
        return wanted

    async def drain(self, name: str, *, drained: bool) -> None:
        """Nothing yet: protection is set in the moment of the change, as it ends by itself."""

    async def aclose(self) -> None:
        """What stands stays."""

    @property
    def _words(self) -> str:
        return f"service {self._config.service} of cluster {self._config.cluster}"

    def __repr__(self) -> str:
        return f"<Ecs {self._config.cluster}/{self._config.service}>"


def _few(arns: Sequence[str], most: int) -> Iterator[list[str]]:
    for at in range(0, len(arns), most):
        yield list(arns[at : at + most])
