"""The data packages hold what the embedders ask for: names, files, licences."""

import importlib.util
import tomllib
from pathlib import Path

import pytest

from penstock.cache.embedding.store import find
from penstock.cache.embedding.weights import ALL, Weights

PACKAGES = Path(__file__).parents[3] / "packages"


@pytest.mark.parametrize("weights", ALL.values(), ids=lambda weights: weights.name)
def test_a_package_names_what_it_must_hold(weights: Weights) -> None:
    folder = PACKAGES / weights.package.replace("_", "-")
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["name"] == folder.name
    assert project["project"]["license"] == weights.licence
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["artifacts"] == list(weights.files)
    assert (folder / "src" / weights.package / "__init__.py").exists()
    assert ("Apache" if weights.licence == "Apache-2.0" else "MIT") in (folder / "LICENSE").read_text()
    assert "SHA-256" in (folder / "NOTICE").read_text() or "unchanged" in (folder / "NOTICE").read_text()


@pytest.mark.semantic
@pytest.mark.parametrize("weights", ALL.values(), ids=lambda weights: weights.name)
def test_an_installed_package_is_where_weights_are_found_first(weights: Weights) -> None:
    if (spec := importlib.util.find_spec(weights.package)) is not None:
        assert list(spec.submodule_search_locations or ()) == [str(find(weights))]
