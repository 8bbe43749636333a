import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import trustme

from penstock.assemble_doctor_reach import Ill, Patient, connect, open_connection, place, resolve, secure
from penstock.routing.config import TimeoutsConfig
from penstock.routing.upstream_config import UpstreamConfig
from tests.faults.upstream import refusing_port
from tests.support.scripted_upstream import ScriptedUpstream

CA = trustme.CA()


def patient(url: str, **settings: object) -> Patient:
    config = UpstreamConfig(kind="vllm", base_url=url, **settings)
    return Patient("gpu", config, TimeoutsConfig(connect=20.0, first_token=20.0), "", ())


def secured(*names: str, **settings: object) -> ScriptedUpstream:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert(*names, **settings).configure_cert(context)
    return ScriptedUpstream(context)


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    CA.cert_pem.write_to_path(str(path))
    return str(path)


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(Ill) as caught:
        resolve(patient("http://no-such-host.invalid/v1"))
    assert caught.value.said.startswith("no-such-host.invalid cannot be resolved")
    assert "upstreams.gpu.base_url" in caught.value.fix


@pytest.mark.parametrize(
    ("url", "at"),
    [
        ("http://a/v1", "a:80"),
        ("https://a/v1", "a:443"),
        ("http://a:8000/v1", "a:8000"),
        ("http://[::1]:1/v1", "::1:1"),
    ],
)
def test_the_port_is_the_schemes_unless_given(url: str, at: str) -> None:
    assert place(patient(url)) == at


def test_a_proxy_is_whom_we_connect_to() -> None:
    assert place(patient("https://api.example.org/v1", proxy="http://proxy.internal:3128")) == "proxy.internal:3128"


def test_connected() -> None:
    with ScriptedUpstream() as upstream:
        gpu = patient(upstream.url)
        assert resolve(gpu) == "127.0.0.1"
        assert connect(gpu) == f"127.0.0.1:{upstream.port}"
        assert secure(gpu) == "skipped: base_url says http"


def test_refused() -> None:
    with refusing_port() as port:
        gpu = patient(f"http://127.0.0.1:{port}/v1")
        resolve(gpu)
        with pytest.raises(Ill) as caught:
            connect(gpu)
    assert caught.value.said == f"127.0.0.1:{port} refuses connections"


def test_a_good_certificate_and_its_days(ca_file: str) -> None:
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=90, hours=1)
    with secured("localhost", not_after=ends) as upstream:
        gpu = patient(f"https://localhost:{upstream.port}/v1", ca_file=ca_file)
        resolve(gpu)
        said = secure(gpu)
        assert "certificate good for 90 more days" in said
        assert "renew" not in said
        with open_connection(gpu) as connection:
            assert isinstance(connection, ssl.SSLSocket)


def test_a_certificate_that_ends_soon(ca_file: str) -> None:
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=5, hours=1)
    with secured("localhost", not_after=ends) as upstream:
        gpu = patient(f"https://localhost:{upstream.port}/v1", ca_file=ca_file)
        resolve(gpu)
        assert secure(gpu).endswith("good for 5 more days; renew it soon")


def _failure(gpu: Patient) -> Ill:
    resolve(gpu)
    with pytest.raises(Ill) as caught:
        secure(gpu)
    return caught.value


def test_an_unknown_authority() -> None:
    with secured("localhost") as upstream:
        ill = _failure(patient(f"https://localhost:{upstream.port}/v1"))
    assert "does not verify" in ill.said
    assert "upstreams.gpu.ca_file" in ill.fix


def test_an_expired_certificate(ca_file: str) -> None:
    ended = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    with secured("localhost", not_after=ended, not_before=ended - datetime.timedelta(days=9)) as upstream:
        ill = _failure(patient(f"https://localhost:{upstream.port}/v1", ca_file=ca_file))
    assert "expired" in ill.said
    assert "renew" in ill.fix


def test_a_certificate_for_another_name(ca_file: str) -> None:
    with secured("other.example.org") as upstream:
        ill = _failure(patient(f"https://localhost:{upstream.port}/v1", ca_file=ca_file))
    assert "the name in base_url" in ill.fix


def test_verify_false_is_said_to_check_nothing() -> None:
    with secured("other.example.org") as upstream:
        gpu = patient(f"https://localhost:{upstream.port}/v1", verify=False)
        resolve(gpu)
        assert "not checked" in secure(gpu)


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    ill = _failure(patient("https://127.0.0.1:1/v1", ca_file=str(tmp_path / "ca.pem")))
    assert "ca_file" in ill.fix


@pytest.fixture
def proxy() -> Iterator[tuple[int, list[bytes]]]:
    """A proxy that refuses everything, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], asked
        thread.join(5)


def test_a_proxy_that_refuses(proxy: tuple[int, list[bytes]]) -> None:
    port, asked = proxy
    gpu = patient("https://api.example.org/v1", proxy=f"http://me:pass@127.0.0.1:{port}")
    resolve(gpu)
    with pytest.raises(Ill, match="407 Proxy Authentication Required") as caught:
        connect(gpu)
    assert asked[0].startswith(b"CONNECT api.example.org:443 HTTP/1.1\r\n")
    assert b"\r\nproxy-authorization: Basic " in asked[0]
    assert "upstreams.gpu.proxy" in caught.value.fix


def test_the_dialect_follows_the_kind() -> None:
    openai = patient("http://a/v1")
    anthropic = Patient("c", msgspec.structs.replace(openai.config, kind="anthropic"), openai.timeouts, "", ())
    assert (openai.dialect, anthropic.dialect) == ("openai", "anthropic")
