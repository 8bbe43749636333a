"""What is wrong with the upstreams of a config? Each is examined step by step, all at the same time, within a limit.

Enters: a Config and where its keys come from. Leaves: a Report an upstream. Fails never: what cannot be examined says
so. Nothing of a running gateway is touched; an embedded engine is started for the purpose and ended again.
"""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, cast

import msgspec

from penstock.assemble_doctor_http import STEPS, examine
from penstock.assemble_doctor_reach import Patient, Step
from penstock.assemble_engines import OwnEngines, engine_key
from penstock.config import Config
from penstock.core.call import Call
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.reply import Whole, collect
from penstock.core.tasks import Crew
from penstock.providers.kinds import HTTP_KINDS
from penstock.routing.config import RoutingConfig
from penstock.routing.upstream_config import UpstreamConfig
from penstock.wire.json import fill
from penstock.wire.operations import find

if TYPE_CHECKING:
    from penstock.core.ports import Provider, RequestBody
    from penstock.providers.local.provider import Seat

ENGINE_LOOK_SECONDS = 0.5

Examination = Callable[[Patient, Callable[[Step], None]], None]


@dataclass(slots=True)
class Report:
    """The steps of one upstream, as far as they have come."""

    name: str
    kind: str
    steps: list[Step] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(step.state != "failed" for step in self.steps)


def diagnose(config: Config, keys_from: Mapping[str, str], *, only: str = "", limit: float = 60.0) -> list[Report]:
    """Examine the upstreams of ``config`` (or ``only`` one) within ``limit`` seconds. ``keys_from``: where each key
    was written, for what is said about it."""
    routing = config.of(RoutingConfig)
    chosen = {name: upstream for name, upstream in routing.upstreams.items() if only in ("", name)}
    reports = {name: Report(name, upstream.kind) for name, upstream in chosen.items()}
    threads = {}
    for name, upstream in chosen.items():
        patient = Patient(
            name, upstream, routing.timeouts, keys_from.get(name, f"upstreams.{name}.api_key"), wanted(routing, name)
        )
        command = _command(config, name)
        examination = _examination(upstream) if command is None else partial(_started, *command)
        work = partial(examination, patient, reports[name].steps.append)
        # A thread that hangs in the resolver cannot be ended: it is left behind and dies with the process.
        threads[name] = threading.Thread(target=work, name=f"doctor {name}", daemon=True)
        threads[name].start()
    until = time.monotonic() + limit
    for name, thread in threads.items():
        thread.join(max(0.0, until - time.monotonic()))
        if thread.is_alive():
            report = reports[name] = Report(name, chosen[name].kind, list(reports[name].steps))
            at = STEPS[min(len(report.steps), len(STEPS) - 1)]
            report.steps.append(
                Step(at, "failed", f"not done within {limit:g} s", "it hangs here; look at the network", limit * 1000)
            )
    return list(reports.values())


def wanted(routing: RoutingConfig, upstream: str) -> tuple[str, ...]:
    """The names by which models are asked of ``upstream``; one that ends in a star stands for any that begins so."""
    names = []
    for pattern, model in routing.models.items():
        if upstream in model.everywhere:
            names.append(model.upstream_model or pattern)
    return tuple(dict.fromkeys(names))


def _examination(config: UpstreamConfig) -> Examination:
    if config.kind == "echo":
        return _echo
    if config.kind == "local":
        return _local
    if config.discover is not None:
        return _discovered
    if config.kind in HTTP_KINDS:
        return examine
    return _not_offered


def _not_offered(patient: Patient, note: Callable[[Step], None]) -> None:
    note(Step("dns", "failed", f"kind {patient.config.kind} is not offered by this version", "use another kind"))


def _discovered(patient: Patient, note: Callable[[Step], None]) -> None:
    note(Step("dns", "skipped", "its instances are found while serving; 'penstock upstreams' shows them"))


def _command(config: Config, upstream: str) -> tuple[str, str | None] | None:
    """The program that starts replicas of ``upstream`` here, and the PATH that it is found by; None where none does."""
    if importlib.util.find_spec("penstock.scaling") is None:
        return None
    from penstock.scaling.config import ScalingConfig

    pool = config.of(ScalingConfig).pools.get(upstream)
    if pool is None or pool.local is None or not pool.local.command:
        return None
    return pool.local.command[0], pool.local.environment.get("PATH")


def _started(program: str, path: str | None, patient: Patient, note: Callable[[Step], None]) -> None:
    found = shutil.which(program, path=path)
    if found is not None:
        note(Step("command", "ok", f"{found} starts its replicas; 'penstock scaling show {patient.name}' tells more"))
        return
    place = f"scaling.pools.{patient.name}.local.command"
    note(Step("command", "failed", f"there is no program {program} that this user may run",
              f"install it, or write its whole path in {place}"))  # fmt: skip


# ---- what runs in here


def _echo(patient: Patient, note: Callable[[Step], None]) -> None:
    from penstock.providers.echo import Echo

    for name in STEPS[:5]:
        note(Step(name, "skipped", "it is part of the gateway"))
    for name in STEPS[5:]:
        began = time.monotonic()
        answer = asyncio.run(_answer_of(Echo(), stream=name == "stream"))
        note(Step(name, "ok" if answer else "failed", f"{len(answer)} bytes", "", _milliseconds(began)))


async def _answer_of(provider: Provider, *, stream: bool) -> bytes:
    operation = find("/v1/chat/completions")
    assert operation is not None
    call = Call(operation, "POST", "/v1/chat/completions", b"", [], "127.0.0.1")
    call.body = msgspec.json.encode(
        {"model": "echo", "messages": [{"role": "user", "content": "Hi"}], "stream": stream, "max_tokens": 1}
    )
    fill(call, call.body)
    exchange = Exchange("doctor", call, 0.0, 60.0, cast("RequestBody", Whole()))  # echo reads only the call
    try:
        return await collect((await provider.send(exchange, call.model)).body, 65536)
    finally:
        exchange.finish("ok", 0.0)


def _local(patient: Patient, note: Callable[[Step], None]) -> None:
    asyncio.run(_examine_engine(patient, note))


async def _examine_engine(patient: Patient, note: Callable[[Step], None]) -> None:
    """Start the engine, then ask it what any upstream is asked."""
    began = time.monotonic()
    crew = Crew("doctor")
    try:
        seat = await _first_seat(OwnEngines(crew), patient)
        note(Step("start", "ok", "weights found, engine running", "", _milliseconds(began)))
        as_http = msgspec.structs.replace(
            patient.config, kind="llamacpp", base_url=seat.base_url, api_key=seat.api_key, headers={}
        )
        inner = Patient(patient.name, as_http, patient.timeouts, "the engine's own key", patient.wanted)
        inner.addresses = ["127.0.0.1"]
        await asyncio.to_thread(examine, inner, note, connected=True)
    except Fail as fail:
        note(Step("start", "failed", fail.message, "the message says what to do", _milliseconds(began)))
    finally:
        await crew.aclose()  # ends the engine and its children


async def _first_seat(engines: OwnEngines, patient: Patient) -> Seat:
    """Wait for the engine, for as long as nothing is wrong with it. Raises UpstreamError."""
    engine = engines.engine(patient.name, patient.config)
    while True:
        try:
            return await engine.pick(time.monotonic() + ENGINE_LOOK_SECONDS)
        except Fail:
            if engines.seats(engine_key(patient.name, patient.config))["trouble"]:
                raise


def _milliseconds(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)
