import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.cli import warm_run
from penstock.cli.main import main
from penstock.journal.warming import TAG
from tests.support.cached_gateway import CachedGateway, cached_gateway
from tests.support.running_gateway import environment


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[CachedGateway]:
    monkeypatch.delenv("PENSTOCK_API_KEY", raising=False)
    monkeypatch.delenv("PENSTOCK_CONFIG", raising=False)
    monkeypatch.setattr(warm_run, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(warm_run, "_PAUSES", (0.01, 0.01))
    with cached_gateway() as gateway:
        yield gateway


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "prompts.jsonl", [{"prompt": f"question {number}"} for number in range(1, 7)])


def write(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def warm(gateway: CachedGateway, *options: str) -> int:
    return main(["warm", "--url", gateway.url, "--model", "m", *options])


def test_what_is_not_cached_is_asked_and_is_then(gateway: CachedGateway, file: Path, capsys: Any) -> None:
    assert warm(gateway, "--file", str(file)) == 0
    assert sorted(gateway.prompts()) == [f"question {number}" for number in range(1, 7)]
    assert set(gateway.tags) == {TAG}
    assert all(body["temperature"] == 0 for body in gateway.asked)
    assert capsys.readouterr().out == "6 warmed, 0 were cached, 0 failed; 90 tokens\n"
    assert warm(gateway, "--file", str(file)) == 0
    assert len(gateway.asked) == 6
    assert capsys.readouterr().out == "0 warmed, 6 were cached, 0 failed; 0 tokens\n"


def test_its_own_calls_do_not_hold_it_up(gateway: CachedGateway, file: Path) -> None:
    assert warm(gateway, "--file", str(file), "--idle-below", "0") == 0
    assert len(gateway.asked) == 6


def test_at_any_time_the_load_is_not_looked_at(gateway: CachedGateway, file: Path) -> None:
    gateway.others = 99
    assert warm(gateway, "--file", str(file), "--any-time") == 0
    assert gateway.looks_at_load == 0


def test_a_failed_one_is_told_and_the_others_go_on(gateway: CachedGateway, file: Path, capsys: Any) -> None:
    def script(body: dict[str, Any]) -> Any:
        if body["messages"][0]["content"] == "question 3":
            return 404, {}, {"error": {"message": "The model 'm' does not exist.\x1b[2J", "code": "model_not_found"}}
        return None

    gateway.script = script
    assert warm(gateway, "--file", str(file)) == 1
    told = capsys.readouterr()
    assert "3: was refused, 404: The model 'm' does not exist." in told.err
    assert "\x1b" not in told.err
    assert told.out == "5 warmed, 0 were cached, 1 failed; 75 tokens\n"
    gateway.script = lambda body: None
    assert warm(gateway, "--file", str(file)) == 0
    assert capsys.readouterr().out == "1 warmed, 0 were cached, 0 failed, 5 done before; 15 tokens\n"


def test_broken_lines_are_told_by_number_and_the_others_go_on(
    gateway: CachedGateway, tmp_path: Path, capsys: Any
) -> None:
    file = write(tmp_path / "p", [{"prompt": "a"}, "{broken", "", '{"prompt": 7}', {"prompt": "b"}])
    assert warm(gateway, "--file", str(file)) == 1
    told = capsys.readouterr()
    assert "line 2 is not JSON" in told.err
    assert 'line 4 "prompt" must be text' in told.err
    assert sorted(gateway.prompts()) == ["a", "b"]


def test_a_file_that_holds_none_ends_early(gateway: CachedGateway, tmp_path: Path, capsys: Any) -> None:
    file = write(tmp_path / "p", ["nonsense"] * 1000)
    assert warm(gateway, "--file", str(file)) == 1
    told = capsys.readouterr()
    assert "20 failed one after another; the rest was not tried" in told.err
    assert len(told.err.splitlines()) < 40


def test_a_budget_of_tokens_ends_it(gateway: CachedGateway, tmp_path: Path, capsys: Any) -> None:
    file = write(tmp_path / "p", [{"prompt": str(number), "max_tokens": 5} for number in range(100)])
    assert warm(gateway, "--file", str(file), "--max-tokens", "200", "--json") == 3
    told = json.loads(capsys.readouterr().out)
    assert told["ended"] == "the budget is spent"
    assert 150 < told["tokens"] <= 200
    assert len(gateway.asked) == told["warmed"] == told["tokens"] // 15


def test_a_budget_that_no_call_fits_into_says_so(gateway: CachedGateway, file: Path, capsys: Any) -> None:
    assert warm(gateway, "--file", str(file), "--max-tokens", "30") == 3
    assert "the budget is too small for one call" in capsys.readouterr().err
    assert gateway.asked == []


def test_a_budget_of_dollars_by_the_prices_of_the_config(gateway: CachedGateway, file: Path, capsys: Any) -> None:
    gateway.usage = {"prompt_tokens": 1_000_000, "completion_tokens": 500_000}  # two dollars each
    assert warm(gateway, "--file", str(file), "--max-dollars", "7.5", "--concurrency", "1", "--json") == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["warmed"], told["dollars"]) == (4, 8.0)  # what a call will cost is known when it has ended


def test_dollars_without_prices_cannot_be_counted(gateway: CachedGateway, file: Path, capsys: Any) -> None:
    gateway.config = {"upstreams": {"up": {"price": {"input": 0.0, "output": 0.0}}}}
    assert warm(gateway, "--file", str(file), "--max-dollars", "1") == 2
    assert "upstreams.<name>.price" in capsys.readouterr().err
    assert gateway.asked == []


def test_limits_are_waited_for(gateway: CachedGateway, file: Path) -> None:
    seen: list[float] = []

    def script(body: dict[str, Any]) -> Any:
        seen.append(time.monotonic())
        if len(seen) == 1:
            return 429, {"Retry-After": "1"}, {"error": {"message": "slow down", "code": "rate_limited"}}
        return None

    gateway.script = script
    assert warm(gateway, "--file", str(file), "--concurrency", "1") == 0
    assert len(gateway.asked) == 6
    assert seen[1] - seen[0] >= 1.0


def test_who_is_put_off_for_long_is_told(gateway: CachedGateway, file: Path, capsys: Any) -> None:
    gateway.script = lambda body: (429, {"Retry-After": "7200"}, {"error": {"message": "tomorrow", "code": "x"}})
    assert warm(gateway, "--file", str(file)) == 1
    assert "come back in 7200 s, 429: tomorrow" in capsys.readouterr().err


def test_a_gateway_that_is_busy_again_and_again_fails_the_call(
    gateway: CachedGateway, tmp_path: Path, capsys: Any
) -> None:
    gateway.script = lambda body: (503, {}, {"error": {"message": "full", "code": "gateway_overloaded"}})
    assert warm(gateway, "--file", str(write(tmp_path / "p", [{"prompt": "a"}]))) == 1
    assert "was put off 8 times, 503: full" in capsys.readouterr().err


def test_a_wrong_key_ends_it(gateway: CachedGateway, file: Path, capsys: Any) -> None:
    gateway.key = "sk-pen-right"
    assert warm(gateway, "--file", str(file), "--key", "sk-pen-wrong") == 1
    told = capsys.readouterr()
    assert "the gateway refuses the key, 401" in told.err
    assert "sk-pen-wrong" not in told.err + told.out
    assert warm(gateway, "--file", str(file)) == 1
    assert "wants a key: give it with --key, or in $PENSTOCK_API_KEY" in capsys.readouterr().err
    assert warm(gateway, "--file", str(file), "--key", "sk-pen-right") == 0


def test_a_key_that_may_not_see_the_load_is_told_what_to_do(gateway: CachedGateway, file: Path, capsys: Any) -> None:
    gateway.admin_key = "sk-pen-admin"
    assert warm(gateway, "--file", str(file)) == 1
    assert "--admin-key" in capsys.readouterr().err
    assert warm(gateway, "--file", str(file), "--admin-key", "sk-pen-admin") == 0


def test_a_gateway_that_is_down_is_told_once(file: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_run, "_PAUSES", (0.01, 0.01))
    assert main(["warm", "--url", "http://127.0.0.1:9", "--model", "m", "--file", str(file)]) == 1
    told = capsys.readouterr()
    assert told.err.count("cannot be reached") == 1
    assert told.out == "0 warmed, 0 were cached, 0 failed; 0 tokens\n"


def test_a_gateway_without_a_cache_is_asked_once_and_no_more(gateway: CachedGateway, file: Path, capsys: Any) -> None:
    gateway.has_cache = False
    assert warm(gateway, "--file", str(file), "--concurrency", "1") == 1
    assert "this gateway has no cache" in capsys.readouterr().err
    assert len(gateway.asked) == 1


def test_what_the_cache_does_not_keep_is_told(gateway: CachedGateway, tmp_path: Path, capsys: Any) -> None:
    gateway.cache_says = "bypass"
    assert warm(gateway, "--file", str(write(tmp_path / "p", [{"prompt": "a"}]))) == 1
    assert "the cache does not keep such calls" in capsys.readouterr().err


def test_the_input_may_come_from_a_pipe(gateway: CachedGateway, tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "penstock", "warm", "--url", gateway.url, "--model", "m", "--file", "-"],
        input='{"prompt": "a"}\n{"prompt": "b"}', env=environment(tmp_path), capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert (process.returncode, sorted(gateway.prompts())) == (0, ["a", "b"])


def test_a_dry_run_asks_nothing(gateway: CachedGateway, tmp_path: Path, capsys: Any) -> None:
    file = write(tmp_path / "p", [{"prompt": "a" * 4000}, "{", {"prompt": "b"}])
    assert warm(gateway, "--file", str(file), "--dry-run") == 1
    told = capsys.readouterr()
    assert f"{file}:2: is not JSON" in told.err
    assert told.out.startswith("2 calls, about 1")
    assert gateway.looked_up == 0


@pytest.mark.parametrize(
    "options",
    [
        [], ["--file", "a", "--from-journal"], ["--file", "/nowhere/p"], ["--file", "."], ["--file", "p", "--url", "x"],
        ["--from-journal", "--url", "http://h", "--since", "soon"],
        ["--from-journal", "--url", "http://h", "--key", "a b"],
    ],
)  # fmt: skip
def test_wrong_use(options: list[str], capsys: Any) -> None:
    assert main(["warm", *options]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--top", "0"], ["--concurrency", "-1"], ["--max-tokens", "many"], ["--nonsense"]])
def test_wrong_options(options: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["warm", "--file", "p", *options])
    assert caught.value.code == 2


def test_a_state_that_cannot_be_written_is_told_and_the_run_goes_on(
    gateway: CachedGateway, file: Path, capsys: Any
) -> None:
    assert warm(gateway, "--file", str(file), "--state", "/nowhere/at/all") == 0
    assert "how far it came cannot be kept" in capsys.readouterr().err
    assert len(gateway.asked) == 6
