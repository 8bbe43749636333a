import json
import os
import signal
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


def test_no_more_calls_at_once_than_wanted(gateway: CachedGateway, tmp_path: Path) -> None:
    file = write(tmp_path / "p", [{"prompt": str(number)} for number in range(40)])
    gateway.gate.clear()
    process = Started(gateway, tmp_path, "--file", str(file), "--concurrency", "3")
    eventually(lambda: gateway.running == 3)
    gateway.gate.set()
    assert process.status() == 0
    assert (gateway.most_running, len(gateway.asked)) == (3, 40)


def test_it_waits_while_others_are_served(gateway: CachedGateway, tmp_path: Path, file: Path) -> None:
    gateway.others = 5
    process = Started(gateway, tmp_path, "--file", str(file))
    eventually(lambda: gateway.looks_at_load > 1)
    assert gateway.asked == []
    gateway.others = 4
    assert process.status() == 0
    assert len(gateway.asked) == 6


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


def test_a_run_that_was_ended_goes_on_without_asking_again(gateway: CachedGateway, tmp_path: Path) -> None:
    file = write(tmp_path / "p", [{"prompt": str(number)} for number in range(30)])
    gateway.gate.clear()
    process = Started(gateway, tmp_path, "--file", str(file), "--concurrency", "2")
    eventually(lambda: gateway.running == 2)
    process.interrupt()
    eventually(lambda: "once more ends it at once" in process.said)
    gateway.gate.set()
    assert process.status() == 130
    first = len(gateway.asked)
    assert first == 2
    gateway.cached.clear()  # what it knows, it knows of its own
    assert Started(gateway, tmp_path, "--file", str(file)).status() == 0
    assert sorted(map(int, gateway.prompts())) == list(range(30))
    assert not os.path.exists(f"{file}.warmed")


def test_interrupted_twice_it_ends_at_once(gateway: CachedGateway, tmp_path: Path, file: Path) -> None:
    gateway.gate.clear()
    process = Started(gateway, tmp_path, "--file", str(file))
    eventually(lambda: gateway.running == 5)
    process.interrupt()
    eventually(lambda: "once more ends it at once" in process.said)
    process.interrupt()
    assert process.status() == 130


def test_a_budget_of_tokens_ends_it(gateway: CachedGateway, tmp_path: Path, capsys: Any) -> None:
    file = write(tmp_path / "p", [{"prompt": str(number), "max_tokens": 5} for number in range(100)])
    assert warm(gateway, "--file", str(file), "--max-tokens", "200", "--json") == 3
    told = json.loads(capsys.readouterr().out)
    assert told["ended"] == "the budget is spent"
    assert 150 < told["tokens"] <= 200
    assert len(gateway.asked) == told["warmed"] == told["tokens"] // 15


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


# ---- from the journal


def journal_row(prompt: str, **more: Any) -> dict[str, Any]:
    body = {"model": "m", "messages": [{"role": "user", "content": prompt}], "temperature": 0}
    return {"operation": "chat", "model": "m", "asked": "m", "scope": "key-1", "cache": "miss", "tags": "",
            "body": body} | more  # fmt: skip


def page(*rows: dict[str, Any], next: str = "", **more: Any) -> dict[str, Any]:
    return {"rows": list(rows), "next": next, "enabled": True, "prompts": True, "asker": "key-1"} | more


def from_journal(gateway: CachedGateway, *options: str) -> int:
    return main(["warm", "--url", gateway.url, "--from-journal", *options])


def test_the_commonest_patterns_are_warmed_page_by_page(gateway: CachedGateway, capsys: Any) -> None:
    gateway.journal = {
        "": page(*[journal_row(f"where is order {n}?") for n in (1, 2, 2)], journal_row("rare"), next="9"),
        "9": page(journal_row("tell me a joke"), journal_row("tell me a joke"), journal_row("where is order 2?")),
    }
    assert from_journal(gateway, "--top", "2") == 0
    assert sorted(gateway.prompts()) == ["tell me a joke", "where is order 2?"]
    assert capsys.readouterr().out.startswith("2 warmed")
    assert from_journal(gateway, "--top", "2", "--per-pattern", "8") == 0
    assert sorted(gateway.prompts()) == ["tell me a joke", "where is order 1?", "where is order 2?"]


def test_only_prompts_of_the_scope_that_is_meant_are_asked(gateway: CachedGateway, capsys: Any) -> None:
    gateway.journal = {"": page(journal_row("mine"), journal_row("theirs", scope="key-2"))}
    assert from_journal(gateway) == 0
    assert gateway.prompts() == ["mine"]
    assert from_journal(gateway, "--scope", "key-2") == 0
    assert gateway.prompts() == ["mine", "theirs"]
    gateway.journal = {"": page(journal_row("theirs", scope="key-2"))}
    assert from_journal(gateway) == 1
    assert "key-2 (1)" in capsys.readouterr().err


def test_what_cannot_be_cached_or_was_warmed_makes_no_pattern(gateway: CachedGateway, capsys: Any) -> None:
    gateway.journal = {"": page(journal_row("a", cache="bypass"), journal_row("b", tags=f"x,{TAG}"))}
    assert from_journal(gateway) == 1
    assert "no prompt that could be warmed yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (page(prompts=False), "journal: {prompts: true}"),
        (page(enabled=False), "Set journal.enabled: true"),
        (page(), "come back when calls have been answered"),
        ({"rows": "?"}, "does not answer as a gateway does"),
    ],
)
def test_a_journal_that_does_not_help_is_told(
    gateway: CachedGateway, capsys: Any, told: dict[str, Any], expected: str
) -> None:
    gateway.journal = {"": told}
    assert from_journal(gateway) == 1
    assert expected in capsys.readouterr().err


def test_a_gateway_without_a_journal_is_told(gateway: CachedGateway, capsys: Any) -> None:
    assert from_journal(gateway) == 1
    assert "does not offer the journal" in capsys.readouterr().err
    gateway.admin_key = "sk-pen-admin"
    assert from_journal(gateway) == 1
    assert "--admin-key" in capsys.readouterr().err


def test_patterns_are_shown_without_what_a_terminal_would_obey(gateway: CachedGateway, capsys: Any) -> None:
    gateway.journal = {"": page(journal_row("clear \x1b[2J\u202e now\nplease", model="m\x07"))}
    assert from_journal(gateway, "--dry-run") == 0
    told = capsys.readouterr().out
    assert "clear" in told
    assert not {"\x1b", "\x07", "\u202e"} & set(told)
    assert from_journal(gateway, "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["count"] == 1
    assert gateway.asked == []


# ---- a process of its own


class Started:
    """What it says goes to a file."""

    def __init__(self, gateway: CachedGateway, home: Path, *options: str) -> None:
        self._log = home / "said"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "penstock", "warm", "--url", gateway.url, "--model", "m", *options],
                env=environment(home), stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self._log.read_text()

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def status(self) -> int:
        return self.process.wait(20)


def eventually(fact: Any) -> None:
    until = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < until
        time.sleep(0.01)
