"""A Dockerfile of Penstock from its source: locked by hash, nothing compiled, not root, fit for a read-only root. Pure.

Enters: the parts that a config needs, its port. Leaves: the text. What builds it is not in the image that runs.
"""

from __future__ import annotations

from penstock.deploy.facts import Facts
from penstock.deploy.kubernetes.workload import GROUND, RUNTIME_FOLDER, USER

HOME = "/opt/penstock"
LARGE = frozenset({"local", "semantic"})
"""Parts with weights, which lie in the image."""
SERVER = frozenset({"encryption", "forecast", "redis"})
"""Parts in the smaller of the two locks: the packages of the others are some times the rest."""
BASE = "python:3.13-slim-bookworm"


def lock_of(facts: Facts) -> str:
    """The lock whose packages the config needs, under requirements/."""
    return "server" if facts.extras <= SERVER else "full"


def dockerfile(facts: Facts) -> str:
    """The text; its context is Penstock's source."""
    return "\n".join([*_head(), "", *_build(facts), "", *_run(facts), ""])


def _head() -> list[str]:
    return [
        "# syntax=docker/dockerfile:1",
        "# Written by `penstock deploy dockerfile`. In the folder of Penstock's source:",
        "#   penstock deploy dockerfile --config penstock.yaml > Dockerfile && docker build -t penstock .",
        "# Pin the base by its digest, and let a bot renew it: the tag moves with Debian's fixes.",
        f"ARG BASE={BASE}",
    ]


def _build(facts: Facts) -> list[str]:
    lock = lock_of(facts)
    return [
        "FROM ${BASE} AS build",
        "ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ONLY_BINARY=:all: \\",
        "    PIP_REQUIRE_VIRTUALENV=1 PYTHONDONTWRITEBYTECODE=1",
        "WORKDIR /src",
        f"COPY requirements/{lock}.txt requirements/build.txt requirements/",
        f"RUN python -m venv {HOME} \\",
        f" && {HOME}/bin/pip install --require-hashes -r requirements/{lock}.txt \\",
        " && python -m venv /build \\",
        " && /build/bin/pip install --require-hashes -r requirements/build.txt",
        "COPY pyproject.toml README.md LICENSE NOTICE ./",
        "COPY src/ src/",
        "RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \\",
        f" && {HOME}/bin/pip install --no-deps --no-index /wheel/*.whl \\",
        *_weights(facts),
        f" && {HOME}/bin/pip uninstall --yes pip \\",
        f" && {HOME}/bin/python -m compileall -q {HOME}/lib",
    ]


def _weights(facts: Facts) -> list[str]:
    """What would else be fetched by every container anew."""
    cache = f"XDG_CACHE_HOME={HOME}/cache"
    lines = []
    if "semantic" in facts.extras:
        lines.append(f" && {cache} {HOME}/bin/penstock semantic install \\")
    if "local" in facts.extras:
        fetch = "from penstock.providers.local.weights import fetch_weights; fetch_weights()"
        lines.append(f' && {cache} {HOME}/bin/python -c "{fetch}" \\')
    return lines


def _run(facts: Facts) -> list[str]:
    data = GROUND.data
    # One that lies in the image is for reading; elsewhere it would have to be written.
    cache = f" XDG_CACHE_HOME={HOME}/cache" if facts.extras & LARGE else ""
    return [
        "FROM ${BASE}",
        f"RUN groupadd --gid {USER} penstock \\",
        f" && useradd --uid {USER} --gid {USER} --no-create-home --home-dir {data} \\",
        "    --shell /usr/sbin/nologin penstock \\",
        f" && install -d -o {USER} -g {USER} -m 0700 {data} {RUNTIME_FOLDER}",
        f"COPY --from=build {HOME} {HOME}",
        f"ENV PATH={HOME}/bin:$PATH HOME={data} XDG_CONFIG_HOME={data}/config \\",
        f"    XDG_RUNTIME_DIR={RUNTIME_FOLDER}{cache} \\",
        "    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1",
        f"USER {USER}:{USER}",
        f"WORKDIR {data}",
        f"EXPOSE {facts.port}",
        "# The first: running calls end within listen.drain. A second one ends them at once.",
        "STOPSIGNAL SIGTERM",
        "HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \\",
        f"    CMD {_health(facts)}",
        'ENTRYPOINT ["penstock"]',
        'CMD ["serve"]',
    ]


def _health(facts: Facts) -> str:
    scheme = "https" if facts.tls else "http"
    asked = f"'{scheme}://127.0.0.1:{facts.port}/health/live', timeout=2"
    # The certificate is for the name that callers use, not for this address.
    trust = ", context=__import__('ssl')._create_unverified_context()" if facts.tls else ""
    return f'["python", "-c", "import urllib.request; urllib.request.urlopen({asked}{trust})"]'
