"""Where instances are looked for: files, DNS and Kubernetes, each played on this machine."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from penstock.net import dns
from penstock.process.loop import run
from penstock.routing.discovery import service
from penstock.routing.discovery.config import DiscoverConfig, KubernetesConfig
from penstock.routing.discovery.instances import Instance
from penstock.routing.discovery.service import (
    Watch,
    look_for_addresses,
    look_for_srv,
    look_in_file,
    look_in_kubernetes,
    look_of,
)
from tests.support.api_server import TOKEN, api_server
from tests.support.name_server import name_server, srv_answer


def test_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    path.write_text("a:1 # x\nb:2 3")
    assert asyncio.run(look_in_file(str(path))) == [Instance("a", 1), Instance("b", 2, 3)]
    path.write_text("a:1\nb")
    with pytest.raises(ValueError, match=f"^{path}: line 2: "):
        asyncio.run(look_in_file(str(path)))
    monkeypatch.setattr(service, "MOST_BYTES", 3)
    with pytest.raises(ValueError, match="larger than 3"):
        asyncio.run(look_in_file(str(path)))


def test_for_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asyncio.run(look_for_addresses("127.0.0.1", 8000)) == [Instance("127.0.0.1", 8000)]
    entries = [(0, 0, 0, "", (host, 0)) for host in ("10.0.0.2", "10.0.0.2", "fd00::1", "fe80::1%eth0", "10.0.0.1")]

    async def main() -> None:
        async def getaddrinfo(name: str, port: None, **_: Any) -> Any:
            assert name == "models.example"
            return entries

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        found = await look_for_addresses("models.example", 8000)
        assert found == [Instance(host, 8000) for host in ("10.0.0.2", "fd00::1", "10.0.0.1")]

    asyncio.run(main())
    with pytest.raises((socket.gaierror, UnicodeError)):
        asyncio.run(look_for_addresses("a" * 70 + ".example", 1))


@pytest.mark.parametrize(
    ("records", "found"),
    [
        (
            [(0, 10, 8000, "a.example"), (0, 0, 8001, "B.example"), (1, 99, 8002, "spare.example")],
            [Instance("a.example", 8000, 10), Instance("b.example", 8001, 1)],
        ),
        ([(5, 65535, 1, "a"), (5, 1, 2, "b")], [Instance("a", 1, 10_000), Instance("b", 2, 1)]),
        ([(0, 0, 0, "no.port")], []),
        ([], []),
    ],
)
def test_for_srv_records(records: list[tuple[int, int, int, str]], found: list[Instance]) -> None:
    async def main() -> None:
        async with name_server(lambda question, tcp: [srv_answer(question, records)]) as server:
            assert await look_for_srv("_http._tcp.x", f"127.0.0.1:{server.port}") == found

    run(main())


def test_many_srv_records_come_over_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [(0, 1, 8000 + number, f"gpu-{number}.models.example") for number in range(200)]

    def told(question: bytes, tcp: bool) -> list[bytes]:
        return [srv_answer(question, records) if tcp else srv_answer(question, [], 0x8380)]

    async def main() -> None:
        async with name_server(told) as server:
            monkeypatch.setattr(service, "system_servers", lambda: [("127.0.0.1", server.port)])
            assert len(await look_for_srv("_http._tcp.x", None)) == 200

    run(main())


def test_a_name_server_that_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "UDP_SECONDS", 0.1)

    async def main() -> None:
        async with name_server(lambda question, tcp: [srv_answer(question, [], 0x8182)]) as server:
            with pytest.raises(ValueError, match="code 2"):
                await look_for_srv("_http._tcp.x", f"127.0.0.1:{server.port}")

    run(main())


def test_in_kubernetes_page_by_page_with_the_account_of_the_pod(tmp_path: Path) -> None:
    at = KubernetesConfig(service="vllm", port="http", service_account=str(tmp_path))

    async def main() -> None:
        async with api_server(tmp_path) as server:
            server.pages = [["10.0.0.1", "10.0.0.2"], ["10.0.0.3"]]
            found = await look_in_kubernetes(at, server.environ())
            assert found == [Instance(f"10.0.0.{number}", 8000) for number in (1, 2, 3)]
            assert server.tokens == {f"bearer {TOKEN}"}
            assert server.asked[0].startswith("/apis/discovery.k8s.io/v1/namespaces/llm/endpointslices?")
            assert server.asked[1].endswith("&continue=1")
            (tmp_path / "token").write_text("renewed")
            await look_in_kubernetes(at, server.environ())
            assert "bearer renewed" in server.tokens

    run(main())


def test_an_api_server_that_refuses_rambles_or_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = KubernetesConfig(service="vllm", service_account=str(tmp_path))

    async def main() -> None:
        async with api_server(tmp_path) as server:
            server.pages = [["10.0.0.1"]]
            server.status = 403
            with pytest.raises(ValueError, match="answered 403 to GET /apis/discovery") as caught:
                await look_in_kubernetes(at, server.environ())
            assert TOKEN not in str(caught.value)
            server.status = 200
            server.body = b"<html>"
            with pytest.raises(ValueError, match="no list of EndpointSlices"):
                await look_in_kubernetes(at, server.environ())
            server.body = None
            server.pages = [["10.0.0.1"]] * 30
            with pytest.raises(ValueError, match="more than 20 pages"):
                await look_in_kubernetes(at, server.environ())
            monkeypatch.setattr(service, "MOST_BYTES", 10)
            with pytest.raises(ValueError, match="larger than 10"):
                await look_in_kubernetes(at, server.environ())

    run(main())


async def agree(upstream: str, instances: tuple[Instance, ...]) -> bool:
    return True


def test_who_is_no_pod_or_does_not_know_the_server(tmp_path: Path) -> None:
    at = KubernetesConfig(service="vllm", service_account=str(tmp_path))
    with pytest.raises(ValueError, match="KUBERNETES_SERVICE_HOST"):
        asyncio.run(look_in_kubernetes(at, {}))
    with pytest.raises(OSError, match="namespace"):
        asyncio.run(look_in_kubernetes(at, {"KUBERNETES_SERVICE_HOST": "127.0.0.1"}))

    async def main() -> None:
        other = tmp_path / "other"
        other.mkdir()
        async with api_server(tmp_path) as server, api_server(other):
            (other / "ca.crt").replace(tmp_path / "ca.crt")  # another authority than the server's
            server.pages = [["10.0.0.1"]]
            watch = Watch("x", DiscoverConfig(kubernetes=at), lambda: look_in_kubernetes(at, server.environ()), agree)
            await watch.once()
            assert watch.counts == {"failed": 1}
            assert server.asked == []
            (tmp_path / "token").write_text("two\nlines")
            with pytest.raises(ValueError, match="the file token"):
                await look_in_kubernetes(at, server.environ())

    run(main())


def test_each_section_leads_to_its_look() -> None:
    looks = {
        "file": DiscoverConfig(file="/f"),
        "addresses": DiscoverConfig(dns="a", port=1),
        "srv": DiscoverConfig(dns="a", srv=True),
        "kubernetes": DiscoverConfig(kubernetes=KubernetesConfig(service="a")),
    }
    for name, discover in looks.items():
        assert look_of(discover).func.__name__.endswith(name)  # type: ignore[attr-defined]
