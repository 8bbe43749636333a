"""The command line and the environment of one replica. Pure.

Enters: what is configured, a port, GPUs. Leaves: words. Only what an engine needs of our own environment goes along: it
holds the keys of all providers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.scaling.actuators.local_config import PORT, LocalConfig

GPUS = "{gpus}"
PASSED_ON = (
    "PATH", "HOME", "USER", "TMPDIR", "TZ", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV",
    "CUDA_HOME", "HF_HOME", "HF_HUB_OFFLINE", "SSL_CERT_FILE", "XDG_CACHE_HOME", "CUDA_VISIBLE_DEVICES",
)  # fmt: skip


def command(config: LocalConfig, port: int, gpus: Sequence[str]) -> list[str]:
    """The words that start it."""
    return [_filled(word, port, gpus) for word in config.command]


def environment(config: LocalConfig, port: int, gpus: Sequence[str], ours: Mapping[str, str]) -> dict[str, str]:
    """What it finds in its environment; ``ours`` is the gateway's."""
    given = {name: ours[name] for name in PASSED_ON if name in ours}
    if config.gpus_per_replica:
        given["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    return given | {name: _filled(text, port, gpus) for name, text in config.environment.items()}


def _filled(word: str, port: int, gpus: Sequence[str]) -> str:
    return word.replace(PORT, str(port)).replace(GPUS, ",".join(gpus))
