"""The paths that Penstock answers itself: models, health, metrics, the admin API.

Each is ``async (exchange) -> Reply``, as the pipeline is. What concerns all workers is asked of the fleet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from penstock import __version__
from penstock.core.call import Headers
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.patterns import fits
from penstock.core.reply import Reply
from penstock.edge.fleet import Fleet
from penstock.edge.generation import LocalRoute
from penstock.wire.openai_models import model_object, models_list

_JSON: Headers = [(b"content-type", b"application/json")]
_TEXT: Headers = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]


class LocalRoutes:
    """The routes of one generation. ``models``: configured names and patterns; ``created``: Unix seconds."""

    def __init__(
        self,
        *,
        models: Sequence[str],
        created: int,
        fleet: Fleet,
        waits_for: Callable[[], list[str]],
        config: Callable[[], dict[str, Any]],
        open_metrics: bool,
    ) -> None:
        self._models = list(models)
        self._created = created
        self._fleet = fleet
        self._waits_for = waits_for
        self._config = config
        self._open_metrics = open_metrics

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        models = LocalRoute(self.models, "call")
        return {
            "/": LocalRoute(self.index, "public"),
            "/health": LocalRoute(self.ready, "public"),
            "/health/live": LocalRoute(self.live, "public"),
            "/health/ready": LocalRoute(self.ready, "public"),
            "/metrics": LocalRoute(self.metrics, "local" if self._open_metrics else "call"),
            "/v1/models": models,
            "/models": models,
            "/admin/v1/status": LocalRoute(self.status),
            "/admin/v1/calls": LocalRoute(self.calls),
            "/admin/v1/config": LocalRoute(self.config),
            "/admin/v1/trials": LocalRoute(self.trials),
            "/admin/v1/reload": LocalRoute(self.reload, methods=("POST",)),
        }

    def prefixes(self) -> dict[str, LocalRoute]:
        """By the beginning of the path; what follows is an id."""
        model = LocalRoute(self.model, "call")
        return {"/v1/models/": model, "/models/": model, "/admin/v1/calls/": LocalRoute(self.call)} | {
            f"/admin/v1/trials/{asked}/": LocalRoute(self.decide, methods=("POST",))
            for asked in ("promote", "rollback", "resume")
        }

    async def index(self, exchange: Exchange) -> Reply:
        """Who answers here."""
        return _json({"name": "penstock", "version": __version__, "api": "/v1", "health": "/health"})

    async def live(self, exchange: Exchange) -> Reply:
        """The process answers."""
        return _json({"status": "live"})

    async def ready(self, exchange: Exchange) -> Reply:
        """Whether calls can be served; while not, what is awaited."""
        awaited = self._waits_for()
        if awaited:
            return _json({"status": "starting", "waits_for": awaited}, status=503)
        return _json({"status": "ok", "version": __version__})

    async def models(self, exchange: Exchange) -> Reply:
        """The models that may be asked for."""
        dialect = "anthropic" if exchange.call.header(b"anthropic-version") else "openai"
        return Reply(200, list(_JSON), models_list(self._models, self._created, dialect))

    async def model(self, exchange: Exchange) -> Reply:
        """One model by its id; slashes in it may be escaped."""
        wanted = unquote(exchange.call.path.partition("/models/")[2])
        for name in self._models:
            if fits(name, wanted):
                dialect = "anthropic" if exchange.call.header(b"anthropic-version") else "openai"
                return Reply(200, list(_JSON), model_object(wanted, self._created, dialect))
        raise CallerError(
            f"The model '{wanted[:100]}' does not exist here.", status=404, code="model_not_found", param="model"
        )

    async def metrics(self, exchange: Exchange) -> Reply:
        """Prometheus text over all workers."""
        return Reply(200, list(_TEXT), (await self._fleet.metrics()).encode())

    async def status(self, exchange: Exchange) -> Reply:
        """What is running, and how it is."""
        return _json(await self._fleet.status())

    async def calls(self, exchange: Exchange) -> Reply:
        """The newest calls: ``?count=N``."""
        asked = parse_qs(exchange.call.query.decode("latin-1")).get("count", ["100"])[0]
        if not (asked.isascii() and asked.isdigit() and len(asked) < 10):
            raise CallerError("count must be a number", code="bad_query", param="count")
        return _json({"calls": await self._fleet.calls(min(int(asked), 10_000), "")})

    async def call(self, exchange: Exchange) -> Reply:
        """One call by its request id."""
        wanted = exchange.call.path.rpartition("/")[2]
        found = await self._fleet.calls(1, wanted)
        if not found:  # it is long ago, or a worker ago: its row may be there yet
            found = (await self._fleet.journal({"id": unquote(wanted), "last": "1"})).get("rows", [])
        if not found:
            raise CallerError(f"no call {wanted[:130]} is remembered", status=404, code="call_not_found")
        return _json(found[0])

    async def config(self, exchange: Exchange) -> Reply:
        """The configuration in force, secrets masked."""
        return _json(self._config())

    async def trials(self, exchange: Exchange) -> Reply:
        """Models with a new version on trial."""
        return _json(await self._fleet.trial_list())

    async def decide(self, exchange: Exchange) -> Reply:
        """End a trial, or take it up again: the path is ``/admin/v1/trials/<what>/<model>``."""
        asked, _, model = exchange.call.path.removeprefix("/admin/v1/trials/").partition("/")
        model = unquote(model)
        if not await self._fleet.decide(model, asked):
            raise CallerError(f"no version of model '{model[:100]}' is on trial", status=404, code="trial_not_found")
        return _json(await self._fleet.trial_list())

    async def reload(self, exchange: Exchange) -> Reply:
        """Read the configuration again."""
        result = await self._fleet.reload()
        return _json(result, status=200 if result.get("ok") else 422)


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, list(_JSON), msgspec.json.encode(value) + b"\n")
