import json
import subprocess
from pathlib import Path

import pytest

from penstock.cli.recipes import RECIPES
from penstock.cli.serve import Announcement
from penstock.config import Config
from tests.support.running_gateway import environment, running_gateway
from tests.support.whole import penstock

ECHO = "upstreams: {e: {kind: echo}}\nmodels: {echo: {upstreams: [e]}, other: {upstreams: [e]}}\n"


def pasted(said: str, home: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """The curl line as a newcomer would paste it into a shell."""
    lines = said.partition("try it:\n")[2]
    return subprocess.run(
        ["bash"], input=lines, capture_output=True, text=True, timeout=20, env=environment(home, extra)
    )


@pytest.mark.curl
def test_what_it_says_is_true(tmp_path: Path) -> None:
    with running_gateway(tmp_path, ECHO) as gateway:
        first, key, keep, models, seen, *_ = gateway.said.splitlines()
        assert first.startswith(
            f"penstock 0.1.0 listens on http://127.0.0.1:{gateway.port}  (pid {gateway.process.pid}, "
        )
        assert first.endswith(f"config: {tmp_path}/penstock.yaml)")
        assert key == f"  key     {gateway.key}"
        assert "shown this once" in keep
        assert models == "  models  echo, other"
        assert seen == f"  see it  {gateway.url}/ui ('penstock ui' logs you in)"
        done = pasted(gateway.said, tmp_path)
        assert json.loads(done.stdout)["choices"][0]["message"]["content"] == "Hello"
        # A second one on the same port: a line that names the owner, and nothing is started.
        second = penstock(tmp_path, "serve", "--config", str(tmp_path / "penstock.yaml"), "--port", str(gateway.port))
        assert second.returncode == 1
        assert second.stdout == ""
        (line,) = second.stderr.splitlines()
        assert line.startswith(f"port {gateway.port} on 127.0.0.1 is taken by ")
        assert f"(pid {gateway.process.pid}); end it, or choose another with --port" in line
        kept = gateway.key
    # At the second start the key is not shown again; the line works with the key that was kept.
    with running_gateway(tmp_path, ECHO) as gateway:
        assert kept not in gateway.said
        assert "  key     as made before (here $PENSTOCK_API_KEY)" in gateway.said
        done = pasted(gateway.said, tmp_path, PENSTOCK_API_KEY=kept)
        assert json.loads(done.stdout)["choices"][0]["message"]["content"] == "Hello"


def test_without_a_config_the_environment_makes_one(tmp_path: Path) -> None:
    with running_gateway(tmp_path, None, {"GROQ_API_KEY": "g"}) as gateway:
        assert "config: the environment)" in gateway.said
        models = next(line for line in gateway.said.splitlines() if line.startswith("  models"))
        assert models.split()[1].strip(",") == "echo"
        assert models.endswith("groq/*")
        assert ("smollm2" in models) == ("demonstration" in gateway.said)


def test_a_bad_config_starts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("listen:\n  prot: 8400\nupstreams: {a: {kind: openai, api_key: '${NOT_SET}'}}\n")
    done = penstock(tmp_path, "serve", "--config", str(path))
    first, second, last = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert first.startswith(f"{path}:2: ")
    assert "port" in first
    assert second.startswith(f"{path}:3: ")
    assert "NOT_SET" in second
    assert last == "(nothing was started)"
    assert not (tmp_path / "config").exists()  # no key was made


def test_a_taken_port_makes_no_key_that_nobody_will_see(tmp_path: Path) -> None:
    with running_gateway(tmp_path, ECHO) as gateway:
        other = tmp_path / "other"
        other.mkdir()
        done = penstock(other, "serve", "--port", str(gateway.port))
        assert done.returncode == 1
        assert not (other / "config").exists()


def test_what_cannot_be_listened_on_is_told(tmp_path: Path) -> None:
    for host, words in (
        ("192.0.2.1", "cannot listen on 192.0.2.1:0: "),
        ("no-such-host.invalid", "cannot listen on no-such"),
        ("a..b", "cannot listen on a..b:0: not a host name"),
    ):
        done = penstock(tmp_path, "serve", "--port", "0", "--host", host)
        assert done.returncode == 1
        assert done.stderr.startswith(words)
        assert len(done.stderr.splitlines()) == 1


def test_a_log_file_that_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(ECHO + f"observe: {{log_file: {tmp_path}/nowhere/log}}\n")
    done = penstock(tmp_path, "serve", "--config", str(path), "--port", "0")
    assert (done.returncode, done.stderr) == (
        1,
        f"the log file {tmp_path}/nowhere/log cannot be opened: No such file or directory\n",
    )


def test_a_control_socket_that_cannot_be_had_is_a_warning(tmp_path: Path) -> None:
    runtime = "/tmp/" + "x" * 99
    with running_gateway(tmp_path, ECHO, {"XDG_RUNTIME_DIR": runtime}) as gateway:
        assert gateway.key
        assert "is too long for a socket" in (tmp_path / "log").read_text()


def said(text: str, key: str | None = None, capsys: pytest.CaptureFixture[str] | None = None) -> str:
    told = Announcement(Config.parse(text, "c.yaml", {}))
    told.port, told.key = 8400, key
    assert capsys is not None
    told.all()
    return capsys.readouterr().out


def test_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(ECHO + "auth: {mode: open}\n", capsys=capsys)
    assert "  key     none is asked for (auth.mode: open)\n" in out
    assert "Bearer none" in out
    out = said(ECHO + "listen: {host: '::1'}\n", "sk-pen-1", capsys)
    assert "listens on http://[::1]:8400 " in out
    out = said(ECHO + "listen: {host: 0.0.0.0}\n", "sk-pen-1", capsys)
    assert "curl http://127.0.0.1:8400/v1/" in out
    out = said("upstreams: {e: {kind: echo}}\nmodels: {'fb-*': {upstreams: [e]}}\n", "sk-pen-1", capsys)
    assert '"model": "fb-MODEL"' in out
    out = said("", "sk-pen-1", capsys)
    assert "  models  none\n" in out
    assert "try it" not in out


def test_a_key_made_for_a_start_that_failed_is_still_shown(capsys: pytest.CaptureFixture[str]) -> None:
    told = Announcement(Config.parse(ECHO, "c.yaml", {}))
    assert told.lost_key() == []
    told.key = "sk-pen-1"
    assert told.lost_key() == ["(a key was made, shown this once: sk-pen-1)"]
    told.all()
    assert told.lost_key() == []


def test_the_curl_recipe_still_has_the_quotes_that_are_replaced() -> None:
    from penstock.cli.recipes import Target

    text = RECIPES["curl"].settings(Target("http://h", "$PENSTOCK_API_KEY", "m")).then
    assert "'Authorization: Bearer $PENSTOCK_API_KEY'" in text


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_tells_where_the_time_of_its_start_went(tmp_path: Path, workers: str) -> None:
    with running_gateway(tmp_path, ECHO, None, "--profile-start", "--json", "--workers", workers) as gateway:
        assert gateway.process.stdout is not None
        told = json.loads(next(line for line in gateway.process.stdout if line.startswith("{")))["start"]
        spans = {(row["where"], row["name"]): row for row in told}
        assert {("", "interpreter"), ("", "configuration read"), ("", "code loaded")} <= set(spans)
        for number in range(int(workers)):
            for name in ("store opened", "rooms made", "accepts calls", "made warm", "task store", "task rehearsal"):
                row = spans[f"worker {number}", name]
                assert row["at_ms"] > spans["", "interpreter"]["took_ms"]
            assert (
                spans[f"worker {number}", "task rehearsal"]["at_ms"] > spans[f"worker {number}", "rooms made"]["at_ms"]
            )
        assert [row["at_ms"] for row in told] == sorted(row["at_ms"] for row in told)


def test_it_draws_it_for_people(tmp_path: Path) -> None:
    with running_gateway(tmp_path, ECHO, None, "--profile-start") as gateway:
        assert gateway.process.stdout is not None
        drawn = []
        for line in gateway.process.stdout:
            drawn.append(line)
            if "task caches" in line:
                break
        assert all("█" in line and " ms" in line for line in drawn)
        assert any("interpreter" in line for line in drawn)
