"""The few numbers on a model server's metrics page that routing uses. Pure.

Enters: a page in Prometheus' text format, of vLLM, SGLang, llama.cpp or TensorRT-LLM, or any other bytes. Leaves: a
Page, in which what was not found is None; never an error. A server of several engines has a series for each: calls and
tokens are summed, shares averaged. What cannot be (not a number, negative, a share over 1) is left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

LARGEST_PAGE = 1024 * 1024
LONGEST_LINE = 8192
MOST_SERIES = 256
MOST_CALLS = 1e6
MOST_TOKENS = 1e12

_RUNNING = (
    b"vllm:num_requests_running", b"sglang:num_running_reqs", b"llamacpp:requests_processing",
    b"trtllm_num_requests_running",
)  # fmt: skip
_WAITING = (
    b"vllm:num_requests_waiting", b"sglang:num_queue_reqs", b"llamacpp:requests_deferred",
    b"trtllm_num_requests_waiting",
)  # fmt: skip
_KV = (
    b"vllm:kv_cache_usage_perc", b"vllm:gpu_cache_usage_perc", b"sglang:token_usage", b"llamacpp:kv_cache_usage_ratio",
    b"trtllm_kv_cache_utilization",
)  # fmt: skip
"""The first that is there counts: vLLM once had both of its names on one page."""
_KV_TOKENS = (b"sglang:max_total_num_tokens",)
_CACHE_CONFIG = b"vllm:cache_config_info"
_STARTED = (b"process_start_time_seconds",)

_BLOCKS = re.compile(rb'[{,]num_gpu_blocks="([0-9]{1,15})"')
_BLOCK_SIZE = re.compile(rb'[{,]block_size="([0-9]{1,15})"')
_NUMBER = re.compile(rb"\+?[0-9]*\.?[0-9]+\.?(?:[eE][+-]?[0-9]{1,3})?")
_OTHER_RANK = re.compile(rb'[{,](?:tp|pp)_rank="0*[1-9]')
"""Ranks of one engine tell the same once more."""


@dataclass(frozen=True, slots=True)
class Page:
    """``running`` and ``waiting`` calls; ``kv``: the used share of the KV cache; ``kv_tokens``: what it holds;
    ``started``: when the server's process did, in its own seconds."""

    running: float | None = None
    waiting: float | None = None
    kv: float | None = None
    kv_tokens: float | None = None
    started: float | None = None

    @property
    def tells(self) -> bool:
        """Whether it is the page of a model server at all."""
        return self.running is not None or self.waiting is not None or self.kv is not None


def read(text: bytes) -> Page:
    """The numbers on the page ``text``."""
    if len(text) > LARGEST_PAGE:
        return Page()
    text = b"\n" + text
    shares = _first(text, _KV, 1.0)
    return Page(
        running=_sum(_first(text, _RUNNING, MOST_CALLS)),
        waiting=_sum(_first(text, _WAITING, MOST_CALLS)),
        kv=sum(shares) / len(shares) if shares else None,
        kv_tokens=_sum(_first(text, _KV_TOKENS, MOST_TOKENS) or _cache_config(text)),
        started=min(_first(text, _STARTED, MOST_TOKENS), default=None),
    )


def _sum(values: list[float]) -> float | None:
    return sum(values) if values else None


def _first(text: bytes, names: tuple[bytes, ...], most: float) -> list[float]:
    """The good values of the first of ``names`` that has any."""
    for name in names:
        values = [value for _, rest in _series(text, name) if (value := _number(rest, most)) is not None]
        if values:
            return values
    return []


def _cache_config(text: bytes) -> list[float]:
    """Tokens that the KV cache of each engine holds, by the labels of vLLM's ``cache_config_info``."""
    found = []
    for labels, _ in _series(text, _CACHE_CONFIG):
        blocks, size = _BLOCKS.search(labels), _BLOCK_SIZE.search(labels)
        if blocks is not None and size is not None and 0 < (tokens := int(blocks[1]) * int(size[1])) <= MOST_TOKENS:
            found.append(float(tokens))
    return found


def _series(text: bytes, name: bytes) -> Iterator[tuple[bytes, bytes]]:
    """``(labels, what follows)`` of each series of ``name``; a longer name that begins with it is another metric."""
    line = b"\n" + name
    at = 0
    for _ in range(MOST_SERIES):
        at = text.find(line, at)
        if at < 0:
            return
        start = at = at + len(line)
        if text[start : start + 1] not in (b"{", b" ", b"\t"):
            continue
        end = text.find(b"\n", start, start + LONGEST_LINE)
        labels, _, rest = text[start : end if end >= 0 else start + LONGEST_LINE].rpartition(b"}")
        if _OTHER_RANK.search(labels) is None:
            yield labels, rest


def _number(rest: bytes, most: float) -> float | None:
    """The value of a series, which a time may follow; None for what is none between 0 and ``most``."""
    words = rest.split(None, 1)
    if not words or _NUMBER.fullmatch(words[0]) is None:
        return None
    value = float(words[0])
    # A full cache may be told as a hair over 1.
    return min(value, most) if math.isfinite(value) and value <= most * 1.001 else None
