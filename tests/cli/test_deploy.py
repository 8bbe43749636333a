from pathlib import Path

import pytest

from penstock.cli.deploy import main
from penstock.cli.failure import Failure

CONFIG = """
listen: {port: 9000, max_body: 10MiB}
timeouts: {total: 100s}
upstreams:
  gpu-0: {kind: vllm, base_url: "http://10.0.0.1:8000/v1", weight: 2}
  gpu-1: {kind: vllm, base_url: "http://gpu.local/v1"}
  e: {kind: echo}
models: {m: {upstreams: [gpu-0, gpu-1]}, e: {upstreams: [e]}}
"""


def told(tmp_path: Path, capsys: pytest.CaptureFixture[str], *options: str, config: str = CONFIG) -> str:
    path = tmp_path / "penstock.yaml"
    path.write_text(config)
    assert main(["nginx", "--config", str(path), *options]) == 0
    return capsys.readouterr().out


def test_before_the_gateway_of_the_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(tmp_path, capsys)
    assert "server 127.0.0.1:9000 " in text
    assert "client_max_body_size 10240k;" in text
    assert "proxy_read_timeout 105s;" in text


def test_not_before_one_that_asks_for_no_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reaches nginx writes the Host by which a gateway knows that somebody here asks."""
    config = CONFIG + "auth: {mode: open}\n"
    with pytest.raises(Failure, match=r"auth\.mode open"):
        told(tmp_path, capsys, config=config)
    assert "server gpu.local:80 " in told(tmp_path, capsys, "--upstreams", config=config)


def test_before_several_gateways(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(tmp_path, capsys, "--servers", "a:8000,b:8001=2", "--method", "ip_hash", "--listen", "8080")
    assert "ip_hash;" in text
    assert "server b:8001 weight=2 " in text
    assert "listen 8080;" in text


def test_before_the_model_servers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(tmp_path, capsys, "--upstreams", "--tls", "/etc/cert.pem", "/etc/key.pem", "--listen", "443")
    assert "server 10.0.0.1:8000 weight=2 " in text
    assert "server gpu.local:80 " in text
    assert text.count("    server 1") + text.count("    server g") == 2, "an echo is no server"
    assert "listen 443 ssl;" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--servers", "a"), "no host:port"),
        (("--servers", "a:1", "--upstreams"), "exclude"),
        (("--server-name", "x; return 200"), "one word"),
        (("--listen", "80 default_server;}"), "--listen is a port"),
        (("--listen", "x"), "--listen is a port, or an address and a port"),
        (("--tls", "/a b", "/k"), "one word"),
    ],
)
def test_what_would_break_the_file_is_refused(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    path = tmp_path / "penstock.yaml"
    path.write_text(CONFIG)
    with pytest.raises(Failure, match=said):
        main(["nginx", "--config", str(path), *options])


def test_upstreams_by_tls_are_not_for_this(tmp_path: Path) -> None:
    path = tmp_path / "penstock.yaml"
    path.write_text(CONFIG.replace("http://10", "https://10"))
    with pytest.raises(Failure, match="TLS"):
        main(["nginx", "--config", str(path), "--upstreams"])
