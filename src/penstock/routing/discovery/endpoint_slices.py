"""What a Kubernetes API server says of a service's EndpointSlices, read into instances. Pure.

Enters: the JSON of an EndpointSliceList (``discovery.k8s.io/v1``). Leaves: ready instances, and where the list goes on.
Fails with ValueError for anything else, and for a port that is not told clearly.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct, field

from penstock.routing.discovery.instances import Instance, plain_host

PAGE = 500


class _Conditions(Struct, frozen=True):
    ready: bool | None = None


class _Endpoint(Struct):
    addresses: list[str] = []
    conditions: _Conditions = _Conditions()


class _Port(Struct):
    name: str | None = None
    port: int | None = None


class _Slice(Struct, rename={"address_type": "addressType"}):
    address_type: str = ""
    endpoints: list[_Endpoint] | None = None
    ports: list[_Port] | None = None


class _Meta(Struct, frozen=True):
    on: str = field(name="continue", default="")


class _SliceList(Struct):
    kind: str
    items: list[_Slice] | None = None
    metadata: _Meta = _Meta()


def target_of(namespace: str, service: str, on: str = "") -> str:
    """Path and query that ask for the slices of a service; ``on`` is where the last answer said that it goes on."""
    query = {"labelSelector": f"kubernetes.io/service-name={service}", "limit": str(PAGE)}
    if on:
        query["continue"] = on
    return f"/apis/discovery.k8s.io/v1/namespaces/{quote(namespace)}/endpointslices?{urlencode(query)}"


def read(body: bytes, port: str | None) -> tuple[list[Instance], str]:
    """The ready instances in ``body``, at the port of that name or number, and what ``target_of`` takes to go on."""
    try:
        told = msgspec.json.decode(body, type=_SliceList)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ValueError(f"the API server's answer is no list of EndpointSlices: {error}") from None
    if told.kind != "EndpointSliceList":
        raise ValueError(f'the API server answered with "{told.kind[:64]}" instead of an EndpointSliceList')
    found = []
    for part in told.items or []:
        if part.address_type not in ("IPv4", "IPv6") or not part.endpoints:
            continue
        number = _port(part, port)
        for endpoint in part.endpoints:
            # Not told counts as ready; further addresses of an endpoint are the same instance.
            if endpoint.conditions.ready is not False and endpoint.addresses:
                address = endpoint.addresses[0]
                host = plain_host(f"[{address}]" if ":" in address else address)
                found.append(Instance(host, number))
    return found, told.metadata.on


def _port(part: _Slice, wanted: str | None) -> int:
    if wanted is not None and wanted.isdigit():
        return int(wanted)
    ports = [one for one in part.ports or [] if wanted is None or one.name == wanted]
    if len(ports) != 1 or not 0 < (ports[0].port or 0) < 65536:
        named = ", ".join(one.name or str(one.port) for one in part.ports or []) or "none"
        raise ValueError(f"which port? The service has: {named[:200]}")
    return ports[0].port or 0
