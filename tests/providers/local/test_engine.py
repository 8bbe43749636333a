import contextlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.providers.local.engine import EngineOptions, command, main, parse
from penstock.routing.scraping.page import read

sizes = st.integers(1, 1 << 20)


@given(
    st.builds(
        EngineOptions,
        alias=st.from_regex(r"[a-z][a-z0-9._/-]*", fullmatch=True),
        threads=sizes,
        context=sizes,
        slots=sizes,
        max_tokens=sizes,
        prompt_cache_mib=st.integers(0, 1 << 20),
        embeddings=st.booleans(),
    )
)
def test_the_command_line_is_read_as_it_was_written(options: EngineOptions) -> None:
    argv = command(options, "/models/a b.gguf")
    start = argv.index("-m") + 2
    assert argv[start - 1] == "penstock.providers.local.engine"
    assert parse(argv[start:]) == (options, "/models/a b.gguf", 0)


def test_the_least_command_line_gives_the_defaults() -> None:
    assert parse(["--model", "m", "--port", "1234"]) == (EngineOptions(), "m", 1234)


@pytest.mark.parametrize("name", ["threads", "context", "slots", "max_tokens"])
def test_sizes_are_at_least_one(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        EngineOptions(**{name: 0})


def failing(model: Path) -> tuple[int, str, str]:
    argv = command(EngineOptions(), str(model))
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    status, out, err = failing(tmp_path / "none.gguf")
    assert (status, out) == (1, "")
    assert "no model file" in err


@pytest.mark.local
def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF and then nothing of use")
    status, out, err = failing(bad)
    assert (status, out) == (1, "")
    assert f"cannot load {bad}" in err


def test_without_the_library(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with monkeypatch.context() as patched:
        patched.setattr("os.dup", lambda fd: -1)
        patched.setattr("os.dup2", lambda a, b: b)
        assert main(["--model", str(model)]) == 1
    assert "penstock[local]" in capfd.readouterr().err


# ---- the real engine


@contextlib.contextmanager
def serving(weights: str, options: EngineOptions) -> Iterator[tuple[openai.OpenAI, int]]:
    """A running engine: a client of it, and its pid."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command(options, weights), **pipes) as process:  # type: ignore[call-overload]
        try:
            said = json.loads(process.stdout.readline())
            with openai.OpenAI(**said, max_retries=0, timeout=30) as client:
                yield client, process.pid
            process.stdin.close()
            assert process.wait(10) == 0, "the end of standard input ends the engine"
        finally:
            process.kill()


def question(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "smollm2", "messages": [{"role": "user", "content": text}], "temperature": 0, **more}


def metrics(client: openai.OpenAI, key: str) -> bytes:
    """The page at the root of the server."""
    url = str(client.base_url).removesuffix("v1/") + "metrics"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"authorization": f"Bearer {key}"})) as told:
        return bytes(told.read())


def cached_tokens(usage: Any) -> int:
    return usage.prompt_tokens_details.cached_tokens or 0


@pytest.mark.local
def test_the_model_answers_streams_and_tells_its_cached_tokens(weights: str) -> None:
    with serving(weights, EngineOptions(max_tokens=24)) as (client, _):
        asked = question("What is the capital of France?")
        first = client.chat.completions.create(**asked)
        assert first.choices[0].message.content
        assert first.usage.completion_tokens > 0
        again = client.chat.completions.create(**asked)
        assert cached_tokens(again.usage) > 10
        assert cached_tokens(again.usage) == (again.model_extra or {})["timings"]["cache_n"]
        chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
        assert len(chunks) > 5
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert cached_tokens(chunks[-1].usage) > 10
        assert client.completions.create(model="smollm2", prompt="One, two, three,", max_tokens=4).choices[0].text
        assert [model.id for model in client.models.list()] == ["smollm2"]


@pytest.mark.local
def test_max_tokens_holds_where_a_call_has_no_limit_and_caps_none(weights: str) -> None:
    with serving(weights, EngineOptions(max_tokens=8)) as (client, _):
        story = "Tell me a very long story about a mountain and the people who live there."

        def length(**more: Any) -> int:
            return int(client.chat.completions.create(**question(story, **more)).usage.completion_tokens)

        assert length() == 8
        assert length(max_tokens=None) == 8
        assert length(max_tokens=3) == 3
        assert length(max_completion_tokens=30) == 30


@pytest.mark.local
def test_the_address_the_key_and_a_long_prompt(weights: str) -> None:
    with serving(weights, EngineOptions(context=256)) as (client, pid):
        listening = [c.laddr.ip for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
        assert listening == ["127.0.0.1"]
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="wrong").chat.completions.create(**question("hi"))
        with pytest.raises(openai.BadRequestError, match="context"):
            client.chat.completions.create(**question("hello " * 400))
        with pytest.raises(urllib.error.HTTPError, match="401"):
            metrics(client, "wrong")
        page = read(metrics(client, client.api_key))
        assert (page.running, page.waiting) == (0, 0)
        with pytest.raises(openai.InternalServerError, match="embeddings"):
            client.embeddings.create(model="smollm2", input="a")


@pytest.mark.local
def test_a_caller_that_leaves_frees_the_engine(weights: str) -> None:
    with serving(weights, EngineOptions(slots=1)) as (client, _):
        stream = client.chat.completions.create(**question("Tell me a long story.", max_tokens=3000), stream=True)
        next(iter(stream))
        stream.close()
        short = client.with_options(timeout=5).chat.completions.create(**question("Hi.", max_tokens=2))
        assert short.usage.completion_tokens == 2


@pytest.mark.local
def test_a_vector_is_the_same_whoever_is_embedded_beside_it(weights: str) -> None:
    """Texts of unlike lengths, computed together: each mean must be over all of its own tokens, and no others."""
    tale = "The miller rose before the sun, opened the gate a hand wide, and heard the wheel begin to turn. " * 3
    texts = ["river", "a mill by the water", "the price of bread in the year of the flood", tale]
    with serving(weights, EngineOptions(embeddings=True, context=512, slots=8)) as (client, _):

        def vectors(input: str | list[str]) -> list[list[float]]:
            made = client.embeddings.create(model="smollm2", input=input, encoding_format="float")
            return [item.embedding for item in made.data]

        together, alone = vectors(texts), [vectors(text)[0] for text in texts]
        assert [len(vector) for vector in together] == [576] * 4
        for one, other in zip(together, alone, strict=True):
            assert sum(a * b for a, b in zip(one, other, strict=True)) > 0.995
        with pytest.raises(openai.APIStatusError, match="too large"):
            client.embeddings.create(model="smollm2", input="river " * 600)
