"""One engine process: llama.cpp's OpenAI-compatible server, reachable from this machine with a secret key only.

Enters a command line (both ends of it are in this file); leaves, once the model is loaded, one line of JSON on
standard output: ``{"base_url": ..., "api_key": ...}``. Everything else that the engine says goes to standard error.
It ends on SIGTERM or when its standard input does; fails with a last line on standard error and a status over 0.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import secrets
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LIBRARY = "xllamacpp"
# Each open connection holds one of the server's threads, idle or not: with fewer threads than connections a busy
# engine does not answer the health check either. Keep the pool in front well below.
HTTP_THREADS = 64
MAX_CONNECTIONS = 48


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """``context`` is tokens for each of ``slots`` calls decoded together; ``max_tokens`` holds where a call asks for no
    limit; ``prompt_cache_mib`` bounds the prompts remembered beside those still in a slot. ``embeddings``: it makes
    those (the mean over a text's tokens) and does not chat, see decision 0026."""

    alias: str = "smollm2"
    threads: int = 1
    context: int = 4096
    slots: int = 2
    max_tokens: int = 256
    prompt_cache_mib: int = 64
    embeddings: bool = False

    def __post_init__(self) -> None:
        for name in ("threads", "context", "slots", "max_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")


def installed() -> bool:
    """Whether the engine's library is there (the extra ``local``). Does not load it."""
    return importlib.util.find_spec(LIBRARY) is not None


def command(options: EngineOptions, model: str) -> list[str]:
    """The argument list that starts an engine on the weights at ``model``."""
    argv = [sys.executable, "-P", "-m", "penstock.providers.local.engine", "--model", model, "--alias", options.alias]
    argv += ["--threads", str(options.threads), "--context", str(options.context), "--slots", str(options.slots)]
    argv += ["--max-tokens", str(options.max_tokens), "--prompt-cache-mib", str(options.prompt_cache_mib)]
    return [*argv, "--embeddings"] if options.embeddings else argv


def parse(argv: Sequence[str] | None) -> tuple[EngineOptions, str, int]:
    """The other end of ``command``: options, model path, port (0: any free one)."""
    parser = argparse.ArgumentParser(prog="engine", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", required=True)
    parser.add_argument("--port", type=int, default=0)
    defaults = EngineOptions()
    parser.add_argument("--alias", default=defaults.alias)
    for name in ("threads", "context", "slots", "max_tokens", "prompt_cache_mib"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(defaults, name))
    parser.add_argument("--embeddings", action="store_true")
    given = vars(parser.parse_args(argv))
    model, port = given.pop("model"), given.pop("port")
    return EngineOptions(**given), model, port


def load(options: EngineOptions, model: str, port: int, api_key: str) -> Any:
    """A serving engine with the model loaded. Raises ImportError, RuntimeError."""
    llama: Any = importlib.import_module(LIBRARY)
    params = llama.CommonParams()
    params.model.path = model
    params.model_alias = {options.alias}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.api_keys = [api_key]
    params.cors_origins = ""
    params.ui = False
    params.endpoint_metrics = True
    params.offline = True
    params.verbosity = 2  # warnings; one more and each call writes five lines
    params.n_ctx = options.context * options.slots
    params.n_parallel = options.slots
    # A slot cannot be starved of context by its neighbours. For embeddings it must be one: the parts of a batch would
    # else be computed in equal pieces, and the mean be that of the last piece.
    params.kv_unified = options.embeddings
    params.n_predict = options.max_tokens
    params.cpuparams.n_threads = options.threads
    params.cpuparams_batch.n_threads = options.threads
    params.n_threads_http = HTTP_THREADS
    params.cache_ram_mib = options.prompt_cache_mib
    if options.embeddings:
        params.embedding = True
        params.pooling_type = llama.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return llama.Server(params)


def main(argv: Sequence[str] | None = None) -> int:
    options, model, port = parse(argv)
    report = os.dup(1)
    os.dup2(2, 1)  # the native code prints where it likes
    if not os.path.isfile(model):
        print(f"there is no model file {model}", file=sys.stderr)
        return 1
    api_key = secrets.token_urlsafe(24)
    try:
        server = load(options, model, port, api_key)
    except ImportError as error:
        print(f"the embedded engine is not installed ({error}): pip install 'penstock[local]'", file=sys.stderr)
        return 1
    except RuntimeError as error:
        print(f"the engine cannot load {model}: {error}", file=sys.stderr)
        return 1
    # The library has put its own in place, which leave the process half alive.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ready = {"base_url": f"{server.listening_address}/v1", "api_key": api_key}
    os.write(report, json.dumps(ready).encode() + b"\n")
    os.close(report)
    sys.stdin.buffer.read()
    os._exit(0)  # nothing is worth saving, and tearing the native side down under load may hang


if __name__ == "__main__":
    sys.exit(main())
