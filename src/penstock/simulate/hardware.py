"""Constants of real engines, as the model in ``engine.py`` takes them. Pure numbers; each with where it comes from.

A step of the engine computes a token for each call that decodes and a chunk of the prompts that wait; it takes
step + decode · calls + context · tokens of context + prefill · prompt tokens (in seconds, over the replica's speed).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Engine:
    """See the module. ``attention``: the position in a prompt at which a token costs twice what the first does;
    ``chunk``: tokens a step at most; ``seats``: calls at once; ``kv``: tokens that its cache holds; ``host``:
    those that it keeps beside it in the memory of the machine (HiCache, LMCache), from where they come back at once."""

    name: str
    step: float
    decode: float
    context: float
    prefill: float
    attention: float
    chunk: int
    seats: int
    kv: int
    host: int = 0

    @property
    def peak(self) -> float:
        """Prompt tokens a second when nothing else is done: what llm-d calls R_peak = B / T(B)."""
        return self.chunk / (self.step + self.prefill * self.chunk)


def of_peak(
    name: str,
    peak: float,
    *,
    step: float,
    decode: float,
    context: float,
    attention: float,
    chunk: int = 8192,
    seats: int = 256,
    kv: int,
    host: int = 0,
) -> Engine:
    """An engine whose prefill rate at full chunks was measured as ``peak`` tokens a second."""
    return Engine(name, step, decode, context, 1.0 / peak - step / chunk, attention, chunk, seats, kv, host)


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        # R_peak as llm-d publishes it ("Sticky until saturated", 2026-08-17). The rest by the roofline: weights 64 GB
        # and 256 KiB of KV a token, read at 4.7 TB/s (70 % of two H100); KV is what 0.9 of 160 GB leaves.
        of_peak(
            "qwen3-32b", 20_480, step=0.0140, decode=30e-6, context=0.056e-6, attention=30_000,
            chunk=2048, seats=48, kv=300_000, host=1_000_000,
        ),
        # R_peak from the same page. A mixture of experts: few weights are read for one call, most of them for many,
        # so that the gap grows with the batch (ITL = a + b · batch, the form that llm-d's autoscaler fits).
        of_peak(
            "gpt-oss-120b", 39_065, step=0.0045, decode=160e-6, context=0.015e-6, attention=40_000,
            chunk=8192, seats=32, kv=200_000,
        ),
        # Qwen2.5-7B on an A10G: 15 GB of weights at 0.5 TB/s, 56 KiB of KV a token, 125 TFLOP/s at some 40 %.
        of_peak(
            "qwen2.5-7b-a10g", 3_300, step=0.0290, decode=60e-6, context=0.115e-6, attention=40_000,
            chunk=2048, seats=32, kv=90_000,
        ),
    )
}  # fmt: skip
