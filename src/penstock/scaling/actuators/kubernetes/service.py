"""An actuator whose replicas are pods: a Deployment, a StatefulSet, or what else has a scale subresource.

Enters: where the workload is. Leaves: its pods as replicas; changes of its number. Victims are marked by their deletion
cost, which a Deployment heeds; what numbers its pods gives up the highest, and others are refused in words. Pods end as
their own preStop hook and grace period say. Another size is another template, which Kubernetes rolls out. What fails is
an ActuatorError.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from msgspec import structs

from penstock.core.errors import Fail
from penstock.net.kubernetes import ApiServer, Told
from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.kubernetes import template
from penstock.scaling.actuators.kubernetes.workload import (
    DRAINS,
    Place,
    Pod,
    Scale,
    cost_patch,
    costs,
    numbered,
    read_failure,
    read_pods,
    read_scale,
    replica_of,
    rolls,
    scale_patch,
)
from penstock.scaling.actuators.kubernetes_config import ORDERED, KubernetesConfig
from penstock.scaling.replica import Standing
from penstock.scaling.size import Size

T = TypeVar("T")
MERGE = "application/merge-patch+json"
SCALE = "get and patch on {0}/scale and with get, list and (but for a StatefulSet and its like) patch on pods"
WORKLOAD = "get and patch on {0} (for vertical), and list on pods of metrics.k8s.io"
"""Rights."""
MOST_PAGES = 20
SIZABLE = ("Deployment", "StatefulSet")
USED_LOOKS = 8
"""Metrics servers measure a few times a minute: every so manieth look asks them."""
TRIES = 3
"""Of a change of the number, where somebody else changes the workload at the same time."""


class Kubernetes:
    """An Actuator. ``price``: dollars an hour of one pod; ``sized``: whether anybody wants to know how large it is."""

    def __init__(
        self, config: KubernetesConfig, price: float = 0.0, *, environ: Mapping[str, str] = os.environ,
        sized: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self._config = config
        self._price = price
        self._server = ApiServer(config.service_account, environ)
        self._drains = set[str]()
        self._sized = sized
        self._looks = 0
        self._use = Size()

    async def current(self) -> Standing:
        """The pods."""
        scale = await self._scale()
        # One that is being ended is none: the workload does not count it either, and its own grace is what is left.
        pods = [pod for pod in await self._pods(scale.selector) if not pod.goes]
        self._drains &= {pod.name for pod in pods}
        replicas = [replica_of(pod, self._config.port, drains=pod.name in self._drains) for pod in pods]
        order = numbered(pods) if self._config.kind in ORDERED else []
        rolling = self._config.kind == "Deployment" and rolls(pods)
        standing = Standing(scale.wanted, replicas, self._price, order=order, rolls=rolling)
        if not self._sized() or self._config.kind not in SIZABLE:
            return standing
        try:
            given = await self._template()
        except ActuatorError as error:  # pods are started and ended all the same
            return structs.replace(standing, unsized=str(error))
        await self._look_at_use(scale.selector, given.container)
        return structs.replace(standing, size=given.size, can=list(template.KEYS), use=self._use)

    async def _template(self) -> template.Template:
        told = self._check(await self._ask("GET", self._place().workload), WORKLOAD)
        return self._read(lambda body: template.read_template(body, self._config.port), told)

    async def _look_at_use(self, selector: str, container: str) -> None:
        """Without a metrics server, or the right to ask it, nothing is known, and that is no failure."""
        if self._looks % USED_LOOKS == 0:
            self._use = Size()
            with contextlib.suppress(ActuatorError):
                told = self._check(await self._ask("GET", self._place().use(selector)))
                self._use = self._read(lambda body: template.read_use(body, container), told)
        self._looks += 1

    async def want(self, count: int, victims: Sequence[str] = ()) -> None:
        """Ask for ``count`` pods. The victims are marked first, so that no others go."""
        scale = await self._scale()
        if victims and count < scale.wanted:
            await self._mark(await self._pods(scale.selector), scale.wanted - count, victims)
        for _ in range(TRIES):
            if scale.wanted == count:
                return
            told = await self._ask("PATCH", self._place().scale, scale_patch(count, scale.version))
            if told.status != 409:
                self._check(told)
                return
            scale = await self._scale()
        raise ActuatorError(
            f"{self._words}: somebody else keeps changing how many replicas it has; an HPA or a ScaledObject of its"
            " own must not stand beside this pool: delete it, or make the pool's actuator signal"
        )

    async def resize(self, size: Size, *, dry_run: bool = False) -> Size:
        """Have the workload's template request so much."""
        if self._config.kind not in SIZABLE:
            raise ActuatorError(f"{self._words}: only pods of {' and '.join(SIZABLE)} can be resized")
        if other := [name for name in size.said() if name not in template.KEYS]:
            raise ActuatorError(f"{self._words}: {' and '.join(other)} cannot be changed: a pod has cpu and memory")
        given = await self._template()
        try:
            patch = template.resize_patch(given, size)
        except ValueError as error:
            raise ActuatorError(f"{self._words}: {error}") from None
        wanted = template.fitted(given, size)
        if not dry_run and wanted != given.size:
            self._check(await self._ask("PATCH", self._place().workload, patch, template.MERGE), WORKLOAD)
        return wanted

    async def drain(self, name: str, *, drained: bool) -> None:
        """Mark a pod as the one to go, or take the mark away: where marks count. One that has gone already is no
        failure."""
        (self._drains.add if drained else self._drains.discard)(name)
        if self._config.marks:
            await self._cost(name, DRAINS if drained else None)

    async def aclose(self) -> None:
        """Let go of the connections."""
        self._server.close()

    # ---- what is asked

    async def _mark(self, pods: Sequence[Pod], fewer: int, victims: Sequence[str]) -> None:
        if self._config.kind in ORDERED:
            going = numbered(pods)[:fewer]
            if set(victims[:fewer]) != set(going[: len(victims)]):
                raise ActuatorError(
                    f"{self._words}: it gives up the pods with the highest numbers ({', '.join(going[:5])}) and cannot"
                    f" give up {', '.join(victims[:5])}; a Deployment can"
                )
            return
        there = {pod.name: pod for pod in pods}
        for name, cost in costs(pods, victims).items():
            if name in there and there[name].cost != cost:
                await self._cost(name, cost)

    async def _cost(self, name: str, cost: int | None) -> None:
        told = await self._ask("PATCH", self._place().pod(name), cost_patch(cost))
        if told.status != 404:
            self._check(told)

    async def _scale(self) -> Scale:
        return self._read(read_scale, self._check(await self._ask("GET", self._place().scale)))

    async def _pods(self, selector: str) -> list[Pod]:
        pods: list[Pod] = []
        on = ""
        for _ in range(MOST_PAGES):
            told = self._check(await self._ask("GET", self._place().pods(selector, on)))
            page, on = self._read(read_pods, told)
            pods += page
            if not on:
                return pods
        raise ActuatorError(f"{self._words}: it has more pods than can be listed in {MOST_PAGES} pages")

    async def _ask(self, method: str, target: str, body: bytes = b"", kind: str = MERGE) -> Told:
        try:
            return await self._server.ask(method, target, body, kind)
        except TimeoutError:
            raise ActuatorError(f"{self._words}: the API server did not answer in time") from None
        except (OSError, ValueError, Fail) as error:
            raise ActuatorError(f"{self._words}: {error}") from None

    # ---- what is said

    def _place(self) -> Place:
        try:
            namespace = self._config.namespace or self._server.namespace()
        except (OSError, ValueError) as error:
            raise ActuatorError(f"{self._words}: {error}") from None
        return Place(*self._config.home, namespace, self._config.name)

    def _read(self, read: Callable[[bytes], T], told: Told) -> T:
        try:
            return read(told.body)
        except ValueError as error:
            raise ActuatorError(f"{self._words}: {error}") from None

    def _check(self, told: Told, rights: str = SCALE) -> Told:
        if told.status in (200, 201):
            return told
        said = read_failure(told.body)
        said = f": {said}" if said else ""
        if told.status == 401:
            raise ActuatorError(f"{self._words}: the API server does not know the token of the service account{said}")
        if told.status == 403:
            raise ActuatorError(
                f"{self._words}: this pod's service account may not {told.what}{said}. Give it a Role with"
                f" {rights.format(self._config.home[1])}, as `penstock deploy kubernetes` writes it"
            )
        if told.status == 404:
            raise ActuatorError(f"{self._words}: there is no such workload, or it cannot be scaled{said}")
        raise ActuatorError(f"{self._words}: the API server answered {told.status} to {told.what}{said}")

    @property
    def _words(self) -> str:
        return (
            f"{self._config.kind} {f'{self._config.namespace}/' if self._config.namespace else ''}{self._config.name}"
        )

    def __repr__(self) -> str:
        return f"<Kubernetes {self._words}>"
