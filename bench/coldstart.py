"""How soon does it answer, and what does it take? Exec to first answer, ``--version``, idle memory, installed size.

Penstock's wheel, and the pure one, are built, installed without extras into fresh virtual environments and measured as
installed; the peers in their cached ones. The first answer is a whole chat through the proxy, key included, with 2 ms
between attempts.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench import built, machine, proxies, rig
from bench.environments import run as run_command
from bench.process import Running
from bench.stats import Row, median, number, table

PAUSE_SECONDS = 0.002
TOOLS = {"pip", "setuptools", "wheel"}
"""What every virtual environment holds: not counted."""


@dataclass(frozen=True)
class Footprint:
    """What an installation takes on disk."""

    packages: int
    size_bytes: int


@dataclass(frozen=True)
class Start:
    """One start: exec to first answer, and memory a second after it."""

    first_answer_seconds: float
    rss_bytes: int
    pss_bytes: int


@dataclass(frozen=True)
class Found:
    """All that was measured of one proxy."""

    proxy: str
    starts: list[Start]
    version_seconds: list[float]
    footprint: Footprint | None


def size_bytes(folder: Path) -> int:
    """The bytes of all files below a folder, links not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def python_footprint(environment: Path) -> Footprint:
    """Packages and bytes of a virtual environment, its own tools left out."""
    (site,) = environment.glob("lib/python3*/site-packages")
    names = {path.name.split("-")[0].lower(): path for path in site.glob("*.dist-info")}
    tools = sum(size_bytes(path) for name in TOOLS for path in site.glob(f"{name}*"))
    return Footprint(len(set(names) - TOOLS), size_bytes(site) - tools)


def node_footprint(environment: Path) -> Footprint:
    """Packages and bytes of a node folder, from its lock file."""
    lock = json.loads((environment / "package-lock.json").read_text())
    return Footprint(len(lock["packages"]) - 1, size_bytes(environment / "node_modules"))


def fresh_penstock(folder: Path, form: type[proxies.Penstock] = proxies.Penstock) -> proxies.Penstock:
    """Build the wheel of this tree in one of its forms, and install its core, without extras, into ``folder``."""
    run_command([sys.executable, "-m", "venv", str(folder)])
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder / "dist")]
    how = "PENSTOCK_PURE" if form is proxies.PenstockSource else "HATCH_BUILD_HOOK_ENABLE_CUSTOM"
    run_command(["env", f"{how}=1", *build, str(machine.ROOT)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    run_command([*pip, *map(str, (folder / "dist").glob("*.whl"))])
    return form((str(folder / "bin" / "penstock"),))


def one_start(proxy: proxies.Proxy, upstream_port: int) -> Start:
    """Start, wait for the first answer, let it settle, read, stop."""
    proxy_cores, _ = machine.cores()
    with rig.run_folder() as folder:
        limit = machine.raise_descriptor_limit()
        site = proxies.Site(folder, machine.free_port(), upstream_port, False, limit)
        launch = proxy.launch(site)
        headers = {"Content-Type": "application/json", **launch.headers}
        begun = time.monotonic()
        process = Running(launch.argv, proxy_cores, folder / "log", launch.env)
        try:
            rig.wait_until_it_answers(process, site.port, headers, proxy.name, PAUSE_SECONDS)
            taken = time.monotonic() - begun
            time.sleep(1.0)
            rss, pss = process.memory_bytes()
        finally:
            process.stop()
    return Start(taken, rss, pss)


def version_seconds(command: Path, times: int) -> list[float]:
    """How long ``--version`` takes."""
    taken = []
    for _ in range(times):
        begun = time.monotonic()
        subprocess.run([str(command), "--version"], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.monotonic() - begun)
    return taken


def measure(only: str | None, starts: int) -> list[Found]:
    """Each proxy alone, one after another; one that fails is left out and said."""
    found: list[Found] = []
    with rig.fixed_upstream("nginx") as upstream, rig.run_folder() as folder:
        for proxy in proxies.chosen(only):
            try:
                found.append(_found(proxy, upstream.port, starts, folder / proxy.name))
            except RuntimeError as error:
                print(f"{proxy.name} is left out: {error}", file=sys.stderr)
    return found


def _found(proxy: proxies.Proxy, upstream_port: int, starts: int, fresh: Path) -> Found:
    footprint: Footprint | None = None
    versions: list[float] = []
    if isinstance(proxy, proxies.Penstock):
        proxy = fresh_penstock(fresh, type(proxy))
        footprint = python_footprint(fresh)
        versions = version_seconds(fresh / "bin" / "penstock", max(starts, 5))
    elif (environment := proxy.install()) is not None:
        is_node = (environment / "node_modules").is_dir()
        footprint = node_footprint(environment) if is_node else python_footprint(environment)
    return Found(proxy.name, [one_start(proxy, upstream_port) for _ in range(starts)], versions, footprint)


def rows(found: list[Found]) -> list[Row]:
    """The table; medians."""
    return [
        {
            "proxy": one.proxy,
            "exec to first answer s": number(median(s.first_answer_seconds for s in one.starts), 3),
            "--version s": number(median(one.version_seconds), 3),
            "idle RSS MiB": number(median(s.rss_bytes for s in one.starts) / 2**20),
            "idle PSS MiB": number(median(s.pss_bytes for s in one.starts) / 2**20),
            "packages": str(one.footprint.packages) if one.footprint else "–",
            "installed MB": number(one.footprint.size_bytes / 1e6 if one.footprint else math.nan),
        }
        for one in found
    ]


def run(only: str | None = None, starts: int = 5, out: Path | None = None) -> list[Found]:
    """Measure, print and write; also used by run_all."""
    about = built.about()
    machine.take_place()
    found = measure(only, starts)
    print(f"\n### cold start, median of {starts}\n")
    print(table(rows(found)), flush=True)
    target = out or machine.CACHE / "results" / "coldstart.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"machine": about, "found": [dataclasses.asdict(one) for one in found]}, indent=1))
    return found


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.coldstart", description=__doc__)
    words.add_argument("--only", metavar="A,B", help="these proxies: " + ", ".join(p.name for p in proxies.ALL))
    words.add_argument("--starts", type=int, default=5)
    words.add_argument("--json", type=Path, metavar="FILE", help="where the samples go")
    given = words.parse_args()
    print(machine.headline(built.about()))
    run(given.only, given.starts, given.json)


if __name__ == "__main__":
    main()
