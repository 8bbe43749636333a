"""Is a conversation sent where its beginning is cached? Three engines, one throttled; three groups of callers whose
system prompt of 900 words is the same within a group, each with conversations of several turns.

Each policy meets fresh engines, and the same words. Prints cached tokens and time to first token of all, and writes the
samples. Calls that are not answered within ``--limit`` seconds count as never answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import machine
from bench.engines import KEY, engines
from bench.environments import python_environment
from bench.payload import MODEL
from bench.process import Running
from bench.proxies import SGLANG_ROUTER, VLLM_ROUTER, Launch
from bench.rig import run_folder, wait_until_it_answers
from bench.stats import number, percentile, rotated, table
from penstock.wire.usage import usage_of

ENGINES = 3
GROUPS = 3
CONVERSATIONS = 3
"""Of each group, one after another."""
TURNS = 5
SYSTEM_WORDS = 900
"""A token each, nearly."""
QUESTION_WORDS = 25
ANSWER_TOKENS = 12
LONGEST_PAUSE_SECONDS = 0.5
"""Between two turns: else the callers would walk in step with a round robin."""
_WORDS = (
    *("the", "of", "water", "river", "bread", "town", "garden", "system", "answer", "please", "short", "clear", "must"),
    *("never", "always", "list", "user", "question", "number", "paper", "house", "green", "train", "old", "map", "bee"),
    *("winter", "glass", "gate", "pipe", "field", "stone", "light", "hand", "morning", "cloud", "road", "bridge"),
)


@dataclass(frozen=True)
class Sample:
    """One call. ``first``: seconds to its first token; ``cached``: of its ``prompt`` tokens, those that were cached."""

    group: int
    conversation: int
    turn: int
    first: float
    prompt: int
    cached: int


@dataclass(frozen=True)
class Policy:
    """One way of choosing: whose, and which. ``launch(folder, port, engines)`` starts it."""

    proxy: str
    name: str
    launch: Callable[[Path, int, Sequence[str]], Launch]


def penstock(folder: Path, port: int, urls: Sequence[str]) -> Launch:
    """This project, its keys off as the routers have none."""
    upstreams = {
        f"engine-{place}": {"kind": "llamacpp", "base_url": f"{url}/v1", "api_key": KEY}
        for place, url in enumerate(urls)
    }
    sections = {
        "listen": {"port": port},
        "auth": {"mode": "open"},
        "upstreams": upstreams,
        "models": {MODEL: {"upstreams": list(upstreams), "strategy": "adaptive"}},
        "timeouts": {"first_token": "600s"},  # an engine on one core takes its time
    }
    config = folder / "penstock.yaml"
    config.write_text(json.dumps(sections, indent=2))
    folders = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")
    env = {"PYTHONPATH": str(machine.ROOT / "src"), **dict.fromkeys(folders, str(folder))}
    return Launch([sys.executable, "-m", "penstock", "serve", "--config", str(config)], env)


def vllm(policy: str) -> Callable[[Path, int, Sequence[str]], Launch]:
    """The Rust router of the vLLM project."""

    def launch(folder: Path, port: int, urls: Sequence[str]) -> Launch:
        program = python_environment("vllm-router", [VLLM_ROUTER]) / "bin" / "vllm-router"
        return Launch([str(program), "--log-level", "error", *_options(policy, port, urls)])

    return launch


def sglang(policy: str) -> Callable[[Path, int, Sequence[str]], Launch]:
    """The Rust router of the SGLang project."""

    def launch(folder: Path, port: int, urls: Sequence[str]) -> Launch:
        python = python_environment("sglang-router", [SGLANG_ROUTER]) / "bin" / "python"
        argv = [str(python), "-m", "sglang_router.launch_router", "--log-level", "error"]
        return Launch([*argv, *_options(policy, port, urls)])

    return launch


def _options(policy: str, port: int, urls: Sequence[str]) -> list[str]:
    return [
        *("--host", "127.0.0.1", "--port", str(port), "--policy", policy, "--api-key", KEY),
        *("--worker-urls", *urls, "--worker-startup-check-interval", "1"),
        *("--prometheus-port", str(machine.free_port())),
    ]


POLICIES = (
    Policy("penstock", "adaptive", penstock),
    Policy("vllm-router", "cache_aware", vllm("cache_aware")),
    Policy("vllm-router", "round_robin", vllm("round_robin")),
    Policy("sglang-router", "cache_aware", sglang("cache_aware")),
    Policy("sglang-router", "round_robin", sglang("round_robin")),
)


# ---- the callers


def words(draw: random.Random, count: int) -> str:
    """Text that is the same for the same draw."""
    return " ".join(draw.choices(_WORDS, k=count))


async def group_of_callers(port: int, headers: Mapping[str, str], group: int, seed: int, samples: list[Sample]) -> None:
    """One conversation after another, each turn with all that was said before."""
    draw = random.Random(f"{seed}/{group}")
    system = {"role": "system", "content": words(draw, SYSTEM_WORDS)}
    for conversation in range(CONVERSATIONS):
        messages = [system]
        for turn in range(TURNS):
            await asyncio.sleep(draw.uniform(0.0, LONGEST_PAUSE_SECONDS))
            messages.append({"role": "user", "content": words(draw, QUESTION_WORDS)})
            text, first, prompt, cached = await ask(port, headers, messages)
            samples.append(Sample(group, conversation, turn, first, prompt, cached))
            messages.append({"role": "assistant", "content": text})


async def ask(
    port: int, headers: Mapping[str, str], messages: Sequence[Mapping[str, str]]
) -> tuple[str, float, int, int]:
    """One streamed answer: its text, seconds to its first token, tokens of the prompt and of these the cached."""
    body = json.dumps({
        "model": MODEL, "stream": True, "temperature": 0, "max_tokens": ANSWER_TOKENS, "messages": messages,
        "stream_options": {"include_usage": True},
    }).encode()  # fmt: skip
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
    began = time.perf_counter()
    text, first, prompt, cached = "", math.nan, 0, 0
    try:
        writer.write(head.encode() + body)
        async for line in reader:
            if line.startswith(b"data: [DONE]"):
                break
            if not line.startswith(b"data: {"):
                continue
            piece = (json.loads(line[6:]).get("choices") or [{}])[0].get("delta", {}).get("content")
            if piece:
                first = time.perf_counter() - began if math.isnan(first) else first
                text += piece
            usage = usage_of(line[6:])
            if usage is not None:
                prompt, cached = usage.prompt_tokens, usage.cached_tokens
    finally:
        writer.close()
    if math.isnan(first) or not prompt:
        raise RuntimeError("a call was not answered with a stream that tells its usage")
    return text, first, prompt, cached


async def load(port: int, headers: Mapping[str, str], seed: int, limit: float) -> list[Sample]:
    """All groups at once. What ``limit`` seconds leave unanswered is not in the list."""
    samples: list[Sample] = []
    callers = [group_of_callers(port, headers, group, seed, samples) for group in range(GROUPS)]
    try:
        async with asyncio.timeout(limit):
            await asyncio.gather(*callers)
    except TimeoutError:
        pass
    return samples


# ---- the runs


def measure(policy: Policy, seed: int, limit: float) -> list[Sample]:
    """One policy before fresh engines."""
    with run_folder() as folder, engines(ENGINES, GROUPS, folder) as urls:
        port = machine.free_port()
        launch = policy.launch(folder, port, urls)
        proxy = Running(launch.argv, set().union(*machine.cores()), folder / "log", launch.env)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}", **launch.headers}
        try:
            wait_until_it_answers(proxy, port, headers, f"{policy.proxy} {policy.name}")
            return asyncio.run(load(port, headers, seed, limit))
        finally:
            proxy.stop()


def row(policy: Policy, samples: Sequence[Sample], expected: int) -> dict[str, str]:
    """A line of the table. A call without an answer took for ever."""
    firsts = sorted(sample.first for sample in samples) + [math.inf] * (expected - len(samples))
    prompt = sum(sample.prompt for sample in samples)
    cached = sum(sample.cached for sample in samples)
    return {
        "proxy": policy.proxy,
        "policy": policy.name,
        "calls": f"{len(samples)}/{expected}",
        "cached %": number(100 * cached / prompt if prompt else math.nan),
        "computed tokens": number(prompt - cached, 0),
        "first token p50 s": number(percentile(firsts, 50), 2),
        "p90 s": number(percentile(firsts, 90), 2),
    }


def run(rounds: int, seed: int, limit: float) -> str:
    """The table."""
    taken: dict[Policy, list[Sample]] = {policy: [] for policy in POLICIES}
    for turn in range(rounds):
        for policy in rotated(POLICIES, turn):
            begun = time.monotonic()
            taken[policy] += measure(policy, seed + turn, limit)
            print(f"({policy.proxy} {policy.name}: {time.monotonic() - begun:.0f} s)", file=sys.stderr, flush=True)
    folder = machine.CACHE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    dump = {f"{policy.proxy} {policy.name}": [asdict(sample) for sample in taken[policy]] for policy in POLICIES}
    (folder / "affinity.json").write_text(json.dumps(dump, indent=1))
    expected = rounds * GROUPS * CONVERSATIONS * TURNS
    return table([row(policy, samples, expected) for policy, samples in taken.items()])


def main() -> None:
    given = argparse.ArgumentParser(prog="python -m bench.affinity", description=__doc__)
    given.add_argument("--rounds", type=int, default=1)
    given.add_argument("--seed", type=int, default=1)
    given.add_argument("--limit", type=float, default=60.0, help="seconds for one policy")
    options = given.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the engines end with us
    print(machine.headline(machine.describe()))
    print(run(options.rounds, options.seed, options.limit))


if __name__ == "__main__":
    main()
