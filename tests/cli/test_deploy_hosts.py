from pathlib import Path

import pytest
import yaml

from penstock.cli.deploy import main
from penstock.cli.failure import Failure
from tests.support.deployed import CONFIG


def asked(folder: Path, kind: str, *options: str, config: str = CONFIG) -> None:
    path = folder / "penstock.yaml"
    path.write_text(config)
    assert main([kind, "--config", str(path), *options]) == 0


def test_compose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    asked(tmp_path, "compose", "--out", str(out), "--gateways", "3", "--redis", "--prometheus", "--listen", "80")
    assert {one.name for one in out.iterdir()} == {
        "compose.yaml", "penstock.yaml", "nginx.conf", "prometheus.yml", "penstock.env.example",
    }  # fmt: skip
    tree = yaml.safe_load((out / "compose.yaml").read_text())
    assert tree["services"]["nginx"]["ports"] == ["80:8080"]
    assert "proxy_read_timeout 605s;" in (out / "nginx.conf").read_text()
    said = capsys.readouterr().err
    assert "note:    fill in penstock.env" in said
    assert "metrics-key" in said


def test_a_store_that_is_not_shared_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    memory = "store: memory\nupstreams: {o: {kind: openai, ca_file: ca.pem}}\nmodels: {m: {upstreams: [o]}}\n"
    (tmp_path / "ca.pem").write_text("")
    asked(tmp_path, "compose", "--out", str(tmp_path / "out"), config=memory)
    said = capsys.readouterr().err
    assert "store: memory is not shared" in said
    assert "copy ca.pem to files/ca.pem" in said


def test_systemd(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = (
        "listen: {port: 80}\nauth: {mode: open}\nstore: sqlite:/srv/llm/store.db\njobs: {directory: /srv/jobs}\n"
        "observe: {log_file: /var/log/penstock.log}\nupstreams: {e: {kind: echo}}\nmodels: {m: {upstreams: [e]}}\n"
    )
    asked(tmp_path, "systemd", "--program", "/usr/bin/penstock", "--user", "llm", config=config)
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert "ExecStart=/usr/bin/penstock serve --config /etc/penstock/penstock.yaml" in lines
    assert "User=llm" in lines
    for folder in ("/srv/llm", "/srv/jobs", "/var/log"):
        assert f"ReadWritePaths=-{folder}" in lines
    assert "port 80 is root's" in told.err


def test_dockerfile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked(tmp_path, "dockerfile")
    assert "EXPOSE 9000" in capsys.readouterr().out


STARTS = """
upstreams: {gpu: {kind: vllm, discover: {scaling: true}}}
models: {m: {upstreams: [gpu]}}
scaling: {pools: {gpu: {local: {command: [vllm, serve, m, --port, "{port}"]}}}}
"""


@pytest.mark.parametrize(
    ("kind", "options", "where"),
    [("compose", ("--out", "{out}"), "image"), ("dockerfile", (), "image"), ("systemd", (), "penstock may run it")],
)
def test_what_a_pool_starts_must_be_there_too(
    kind: str, options: tuple[str, ...], where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(tmp_path, kind, *[one.format(out=tmp_path / "out") for one in options], config=STARTS)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "pool gpu" in line]
    assert '"vllm" must be' in line
    assert where in line


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("compose", ("--out", "x", "--image", "a b"), "--image"),
        ("compose", ("--out", "x", "--listen", "80; x"), "--listen"),
        ("compose", ("--out", "x", "--gateways", "0"), "1 to 64"),
        ("systemd", ("--program", "penstock"), "whole path"),
    ],
)
def test_what_is_refused(tmp_path: Path, kind: str, options: tuple[str, ...], said: str) -> None:
    with pytest.raises(Failure, match=said):
        asked(tmp_path, kind, *options)
