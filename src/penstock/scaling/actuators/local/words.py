"""The command line and the environment of one replica. Pure.

Enters: what is configured, a port, GPUs. Leaves: words. Only what an engine needs of our own environment goes along: it
holds the keys of all providers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from penstock.core.command_words import secret_words
from penstock.core.shapes import MASK
from penstock.scaling.actuators.local_config import PORT, LocalConfig
from penstock.scaling.size import Size

GPUS = "{gpus}"
NOTHING = Size()
SHORTEST_SECRET = 8
"""What is shorter stands in many a line by chance."""
PASSED_ON = (
    "PATH", "HOME", "USER", "TMPDIR", "TZ", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV",
    "CUDA_HOME", "HF_HOME", "HF_HUB_OFFLINE", "SSL_CERT_FILE", "XDG_CACHE_HOME", "CUDA_VISIBLE_DEVICES",
)  # fmt: skip


def command(config: LocalConfig, port: int, gpus: Sequence[str], size: Size = NOTHING) -> list[str]:
    """The words that start it."""
    return [_filled(word, port, gpus, size) for word in config.command]


def environment(
    config: LocalConfig, port: int, gpus: Sequence[str], ours: Mapping[str, str], size: Size = NOTHING
) -> dict[str, str]:
    """What it finds in its environment; ``ours`` is the gateway's."""
    given = {name: ours[name] for name in PASSED_ON if name in ours}
    if config.gpus_per_replica:
        given["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    return given | {name: _filled(text, port, gpus, size) for name, text in config.environment.items()}


def scrubbed(config: LocalConfig) -> Callable[[str], str]:
    """Takes what is secret in what a command says: some say at their start with what words they were started."""
    told = [*secret_words(config.command), *config.environment.values()]
    hidden = {one for one in told if len(one) >= SHORTEST_SECRET and not one.startswith("/")}  # a path is none

    def scrub(line: str) -> str:
        for one in sorted(hidden, key=len, reverse=True):
            line = line.replace(one, MASK)
        return line

    return scrub


def _filled(word: str, port: int, gpus: Sequence[str], size: Size) -> str:
    word = word.replace(PORT, str(port)).replace(GPUS, ",".join(gpus))
    for name, value in size.said().items():
        word = word.replace(f"{{{name}}}", str(value))
    return word
