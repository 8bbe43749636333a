"""The core stays light: what the semantic cache needs is imported only where it is on."""

import subprocess
import sys

HEAVY = ("numpy", "onnxruntime", "tokenizers", "faiss", "cryptography", "redis")

PROGRAM = """
import pkgutil, sys
import penstock, penstock.cli.main, penstock.cli.serve, penstock.assemble, penstock.config, penstock.pipeline
import penstock.assemble_embedder, penstock.cli.semantic
import penstock.cache.embedding.embedder, penstock.cache.embedding.service, penstock.cache.embedding.store
from penstock.config import SLICES
from penstock.pipeline import ROOMS
for place in {slice.module for slice in SLICES} | {room.stage.split(":")[0] for room in ROOMS}:
    if __import__("importlib.util").util.find_spec(place) is not None:
        __import__(place)
print([name for name in sys.argv[1:] if name in sys.modules])
"""


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    told = subprocess.run([sys.executable, "-c", PROGRAM, *HEAVY], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
