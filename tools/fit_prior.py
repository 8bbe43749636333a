"""Fits the prior of the semantic cache's model to labelled streams and writes it where the package ships it.

Enters: ``python tools/fit_prior.py STREAM.json=VECTORS.npy ... [--out FILE]``: files of [[text, label], ...] with the
vectors of their texts (``penstock bench cache --stream F --save-vectors V`` makes them). Leaves: prior.json. Equal
input gives equal bytes. Run it anew when a feature is added or means something else. Fails with a line for unfit files.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from penstock.cache.verify.fitting import from_streams, text
from penstock.cache.verify.playback import Stream

from sources import ROOT

OUT = ROOT / "src/penstock/cache/verify/prior.json"


def stream_of(given: str) -> Stream:
    """``FILE.json=VECTORS.npy``, read."""
    rows, _, vectors = given.partition("=")
    return Stream([(str(text), label) for text, label in json.loads(Path(rows).read_text("utf-8"))], np.load(vectors))


def main(arguments: list[str] | None = None) -> int:
    wants = argparse.ArgumentParser(prog="tools/fit_prior.py", description=__doc__)
    wants.add_argument("streams", nargs="+", metavar="STREAM.json=VECTORS.npy")
    wants.add_argument("--out", type=Path, default=OUT)
    given = wants.parse_args(arguments)
    try:
        streams = [stream_of(one) for one in given.streams]
    except (OSError, ValueError, TypeError) as error:
        print(f"fit_prior: {error}", file=sys.stderr)
        return 1
    names = " + ".join(sorted(Path(one.partition("=")[0]).stem for one in given.streams))
    given.out.write_text(text(from_streams(streams), names), "utf-8")
    print(f"{given.out}: fitted to {names}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
