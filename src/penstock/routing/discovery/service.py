"""Looks for the instances of upstreams, each at its interval, and tells when they have become others.

Enters: the ``discover`` sections in force. Leaves: ``told(upstream, instances)``. A look that fails or finds none
changes nothing: the instances known stay; it is counted, and logged once until one goes well again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from penstock.core.errors import Fail
from penstock.core.tasks import Crew
from penstock.net.dns import ask, system_servers
from penstock.net.kubernetes import ApiServer
from penstock.routing.discovery import endpoint_slices
from penstock.routing.discovery.config import DiscoverConfig, KubernetesConfig
from penstock.routing.discovery.instances import MOST_WEIGHT, Instance, Known, from_lines, parse_address
from penstock.wire.dns import answer, question

log = logging.getLogger("penstock")

LOOK_SECONDS = 15.0
MOST_BYTES = 8 * 1024 * 1024
MOST_PAGES = 20
DNS_MISSES = 3
"""Answers in a row without an address, until its instance is taken for gone."""

Told = Callable[[str, tuple[Instance, ...]], Awaitable[bool]]
"""Takes the instances of an upstream; says whether they are in force."""
Look = Callable[[], Awaitable[list[Instance]]]


class Watch:
    """One upstream's instances. ``looked`` is set once a first look has ended, whatever it saw."""

    def __init__(self, upstream: str, discover: DiscoverConfig, look: Look, told: Told) -> None:
        self.name = f"discover {upstream}"
        self.upstream = upstream
        self.discover = discover
        self.looked = asyncio.Event()
        self.counts: Counter[str] = Counter()
        self.known = Known(discover.most, DNS_MISSES if discover.dns is not None else 1)
        self._look = look
        self._told = told
        self._over = asyncio.Event()
        self._result = ""
        self._untold = False

    async def run(self) -> None:
        """Look, until ``end``."""
        while not self._over.is_set():
            try:
                await self.once()
            finally:
                self.looked.set()
            try:
                async with asyncio.timeout(self.discover.interval):
                    await self._over.wait()
            except TimeoutError:
                continue

    async def once(self) -> None:
        """One look, and what follows from it."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                found = await self._look()
        except TimeoutError:
            self._note("failed", f"no answer within {LOOK_SECONDS:g} s")
            return
        except (OSError, ValueError, Fail) as error:
            self._note("failed", str(error))
            return
        if not found:
            self._note("empty", "none were found")
            return
        if not self.known.take(found) and not self._untold:
            self._note("same")
            return
        self._untold = not await self._told(self.upstream, self.known.instances)
        if self._untold:
            self._note("refused", "what was found could not be taken over")
            return
        self._note("changed")
        left_out = f", {self.known.beyond} more are left out" if self.known.beyond else ""
        log.info("upstream %s has %d instances%s", self.upstream, len(self.known.instances), left_out)

    def _note(self, result: str, why: str = "") -> None:
        self.counts[result] += 1
        if why and result != self._result:
            log.warning("instances of upstream %s: %s; those known stay", self.upstream, why)
        self._result = result

    def end(self) -> None:
        """Look no more."""
        self._over.set()

    def __repr__(self) -> str:
        return f"<Watch of {self.upstream}, {self.known!r}, last {self._result or 'none'}>"


class Discovery:
    """All watches. ``follow`` brings them in line with a configuration; they run in ``crew``."""

    def __init__(self, crew: Crew, told: Told) -> None:
        self._crew = crew
        self._told = told
        self._watches: dict[str, Watch] = {}

    def follow(self, wanted: Mapping[str, DiscoverConfig]) -> None:
        """Watch exactly these upstreams, by name."""
        for name, watch in list(self._watches.items()):
            if wanted.get(name) != watch.discover:
                watch.end()
                del self._watches[name]
        for name, discover in wanted.items():
            if name not in self._watches:
                watch = self._watches[name] = Watch(name, discover, look_of(discover), self._told)
                self._crew.supervise(watch)

    async def looked(self, within: float) -> None:
        """Wait until each upstream has been looked for once, at most ``within`` seconds."""
        try:
            async with asyncio.timeout(within):
                for watch in list(self._watches.values()):
                    await watch.looked.wait()
        except TimeoutError:
            log.warning("not all instances were found within %g s; serving without them", within)

    def numbers(self) -> dict[str, dict[str, int]]:
        """By upstream: instances known, and looks by what came of them."""
        return {
            name: {"instances": len(watch.known.instances), **watch.counts} for name, watch in self._watches.items()
        }

    def __repr__(self) -> str:
        return f"<Discovery of {', '.join(self._watches) or 'nothing'}>"


# ---- where to look


def look_of(discover: DiscoverConfig) -> Look:
    """What looks where ``discover`` says."""
    if discover.file is not None:
        return partial(look_in_file, discover.file)
    if discover.kubernetes is not None:
        return partial(look_in_kubernetes, discover.kubernetes)
    assert discover.dns is not None
    if discover.srv:
        return partial(look_for_srv, discover.dns, discover.server)
    assert discover.port is not None
    return partial(look_for_addresses, discover.dns, discover.port)


async def look_in_file(path: str) -> list[Instance]:
    """One instance a line."""
    text = _text(path, MOST_BYTES)
    try:
        return from_lines(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _text(path: str, most: int) -> str:
    with open(path, encoding="utf-8") as file:
        text = file.read(most + 1)
    if len(text) > most:
        raise ValueError(f"{path} is larger than {most} characters")
    return text


async def look_for_addresses(name: str, port: int) -> list[Instance]:
    """One instance an address, resolved as the system does."""
    found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return [Instance(host, port) for host in dict.fromkeys(str(entry[4][0]) for entry in found) if "%" not in host]


async def look_for_srv(name: str, server: str | None) -> list[Instance]:
    """The records of the first priority. Their weights count against each other; without one a record has 1."""
    number = secrets.randbits(16)
    servers = system_servers() if server is None else [parse_address(server)]
    told = await ask(question(name, number), servers, lambda data: answer(data, name, number))
    first = min((record.priority for record in told.records), default=0)
    records = [record for record in told.records if record.priority == first and record.port]
    heaviest = max((record.weight for record in records), default=0)
    scale = min(1.0, MOST_WEIGHT / heaviest) if heaviest else 1.0
    return [Instance(record.target, record.port, max(1, int(record.weight * scale))) for record in records]


async def look_in_kubernetes(at: KubernetesConfig, environ: Mapping[str, str] = os.environ) -> list[Instance]:
    """The ready endpoints, asked of the API server with this pod's own account."""
    server = ApiServer(at.service_account, environ, most=MOST_BYTES)
    found: list[Instance] = []
    on = ""
    try:
        namespace = at.namespace or server.namespace()
        for _ in range(MOST_PAGES):
            told = await server.ask("GET", endpoint_slices.target_of(namespace, at.service, on))
            if told.status != 200:
                raise ValueError(f"the API server answered {told.status} to {told.what}")
            page, on = endpoint_slices.read(told.body, at.port)
            found += page
            if not on:
                return found
    finally:
        server.close()
    raise ValueError(f"the list of EndpointSlices has more than {MOST_PAGES} pages")
