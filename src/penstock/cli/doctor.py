"""``penstock doctor``: tries every upstream step by step, and says what to fix. Keys are never printed.

Enters: the config. Leaves: a line a step, and exit status 1 if one failed. One token and one stream are asked of each
upstream, which may cost a fraction of a cent. No running gateway is needed, and none is touched.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from penstock.cli.doctor_memory import add_memory, examine_memory
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import add_config, add_json, config_path, load_config, parser, print_json
from penstock.core.document import BadDocument, Node, compose
from penstock.routing.config import RoutingConfig
from penstock.routing.usual import PROVIDERS

if TYPE_CHECKING:
    from penstock.assemble_doctor import Report

_REFERENCE = re.compile(r"\$\{(?P<name>[^}:]+)(?::-[^}]*)?\}")
_FILE = re.compile(r"\$\{file:(?P<path>[^}]+)\}")
_MARKS = {"ok": "ok", "failed": "FAILED", "skipped": "-"}


def main(arguments: list[str]) -> int:
    wants = parser(
        "doctor",
        "Try every upstream step by step (DNS, TCP, TLS, key, models, one token, one stream) and say what to fix.\n"
        "Needs no running gateway. Asks each upstream for a token or two.",
        "Exit status: 0 all well, 1 something failed, 2 the config itself is wrong (see penstock check).",
    )
    wants.add_argument("upstream", nargs="?", metavar="UPSTREAM", help="only this one (otherwise all)")
    add_config(wants)
    add_json(wants)
    wants.add_argument("--limit", type=float, default=60.0, metavar="SECONDS", help="give up after this (60)")
    add_memory(wants)
    options = wants.parse_args(arguments)
    if options.memory:
        return examine_memory(options)
    config = load_config(options.config)
    upstreams = config.of(RoutingConfig).upstreams
    if options.upstream and options.upstream not in upstreams:
        known = ", ".join(upstreams) or "none"
        raise Failure(f'penstock doctor: there is no upstream "{options.upstream}"; known are {known}', WRONG_CONFIG)
    if not options.limit > 0:
        raise Failure("penstock doctor: --limit must be more than 0 seconds", WRONG_CONFIG)

    from penstock.assemble_doctor import Report, diagnose
    from penstock.assemble_doctor_store import examine_store
    from penstock.assemble_store import store_kind

    origins = key_origins(config_path(options.config), os.environ)
    reports = diagnose(config, origins, only=options.upstream or "", limit=options.limit)
    store = [] if options.upstream else [Report("store", store_kind(config), [examine_store(config, os.environ)])]
    well = all(report.ok for report in [*reports, *store])
    if options.json:
        print_json(
            {
                "ok": well,
                "upstreams": [_plain(report) for report in reports],
                "store": _plain(store[0]) if store else None,
            }
        )
    else:
        print("\n".join(lines(reports, store)))
    return 0 if well else 1


def lines(reports: list[Report], store: Sequence[Report] = ()) -> list[str]:
    """What a person reads."""
    told: list[str] = []
    for report in [*reports, *store]:
        told.append(f"{report.name} ({report.kind})")
        for step in report.steps:
            took = "" if step.state == "skipped" else f"{step.milliseconds:.0f} ms"
            told.append(f"  {step.name:<7} {_MARKS[step.state]:<7} {took:>8}  {step.said}".rstrip())
            if step.fix:
                told.append(f"  {'':<25} -> {step.fix}")
    ill = [report.name for report in [*reports, *store] if not report.ok]
    verdict = f"not well: {', '.join(ill)}" if ill else "all is well"
    return [*told, "", verdict if reports or ill else "there are no upstreams to examine"]


def _plain(report: Report) -> dict[str, object]:
    return {
        "name": report.name,
        "kind": report.kind,
        "ok": report.ok,
        "steps": [
            {
                "step": step.name,
                "state": step.state,
                "milliseconds": step.milliseconds,
                "said": step.said,
                "fix": step.fix,
            }
            for step in report.steps
        ],
    }


# ---- where a key was written


def key_origins(path: str | None, environ: Mapping[str, str]) -> dict[str, str]:
    """By upstream: in which variable, file or line its key stands. Never the key itself."""
    if path is None:
        return {known.name: _variable(known.variables, environ) for known in PROVIDERS}
    origins = {}
    with contextlib.suppress(OSError, UnicodeDecodeError, BadDocument), open(path, encoding="utf-8-sig") as file:
        for name, upstream in _members(_member(compose(file.read()), "upstreams")).items():
            key = _member(upstream, "api_key")
            if key is not None:
                origins[name] = _origin(str(key.value), f"{path}:{key.start_mark.line + 1}")
    return origins


def _variable(variables: tuple[str, ...], environ: Mapping[str, str]) -> str:
    return f"${next((name for name in variables if environ.get(name, '').strip()), variables[0])}"


def _origin(written: str, place: str) -> str:
    """``$NAME (penstock.yaml:7)`` for a reference; else the place alone."""
    if found := _FILE.search(written):
        return f"the file {found['path']} ({place})"
    if found := _REFERENCE.search(written):
        return f"${found['name']} ({place})"
    return place


def _members(node: Node | None) -> dict[str, Node]:
    pairs = node.value if node is not None and isinstance(node.value, list) else []
    return {str(pair[0].value): pair[1] for pair in pairs if isinstance(pair, tuple)}


def _member(node: Node | None, name: str) -> Node | None:
    return _members(node).get(name)
