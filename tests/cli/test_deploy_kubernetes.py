from pathlib import Path

import pytest
import yaml

from penstock.cli.deploy import main
from penstock.cli.failure import Failure
from tests.support.deployed import CONFIG
from tests.support.manifests import loaded


def asked(folder: Path, *options: str, config: str = CONFIG) -> None:
    path = folder / "penstock.yaml"
    path.write_text(config)
    assert main(["kubernetes", "--config", str(path), *options]) == 0


def test_manifests_on_standard_output_and_advice_on_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("REDIS_PASSWORD", "sk-set-here")
    asked(tmp_path, "--image", "registry:5000/penstock", "--namespace", "llm")
    told = capsys.readouterr()
    objects = {one["kind"]: one for one in loaded(told.out)}
    assert (
        objects["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"] == "registry:5000/penstock:latest"
    )
    config = yaml.safe_load(objects["ConfigMap"]["data"]["penstock.yaml"])
    assert config["listen"] == {"host": "0.0.0.0", "port": 9000, "workers": 2, "drain": "20s"}
    assert config["auth"] == {"key_file": "/etc/penstock/keys/keys.json"}
    assert config["jobs"] == {"enabled": False}
    assert "sk-set-here" not in told.out + told.err
    assert "first:   kubectl -n llm create secret generic penstock-keys" in told.err
    assert "note:    jobs.enabled" in told.err


def test_files_one_an_object_and_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked(tmp_path, "--out", str(out), "--service-monitor", "--claim", "shared")
    (out / "own.yaml").write_text("mine")
    asked(tmp_path, "--out", str(out))
    assert {"deployment.yaml", "servicemonitor.yaml", "own.yaml"} <= {one.name for one in out.iterdir()}
    assert "/var/lib/penstock-shared/jobs" not in (out / "configmap.yaml").read_text()


def test_a_chart(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="--out DIR"):
        asked(tmp_path, "--helm")
    asked(tmp_path, "--helm", "--out", str(tmp_path / "chart"))
    assert yaml.safe_load((tmp_path / "chart" / "values.yaml").read_text())["image"]["repository"] == "penstock"
    assert (tmp_path / "chart" / "templates" / "deployment.yaml").exists()


def test_one_gateway_where_the_store_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sqlite = "upstreams: {e: {kind: echo}}\nmodels: {m: {upstreams: [e]}}\n"
    asked(tmp_path, config=sqlite)
    objects = {one["kind"]: one for one in loaded(capsys.readouterr().out)}
    assert objects["Deployment"]["spec"]["replicas"] == 1
    config = yaml.safe_load(objects["ConfigMap"]["data"]["penstock.yaml"])
    assert config["store"] == "sqlite:/var/lib/penstock/store.sqlite"
    assert config["jobs"] == {"directory": "/var/lib/penstock/jobs"}
    with pytest.raises(Failure, match="each count for themselves"):
        asked(tmp_path, "--replicas", "3", config=sqlite)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--scale", "pool"), "POOL=KIND/NAME"),
        (("--scale", "x=deployment/y"), 'no pool "x"'),
        (("--memory", "much"), "a size is"),
        (("--name", "My Gate"), "small letters"),
        (("--out", "/proc/none"), "cannot write"),
    ],
)
def test_what_is_refused(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    with pytest.raises(Failure, match=said):
        asked(tmp_path, *options)
