"""``penstock deploy aws``: a CDK app that runs the gateway on AWS, from the one config.

Enters: a config file and options. Leaves: a folder. May fail: Failure with status 2, a line a problem.
"""

from __future__ import annotations

import argparse
import math
import os
import re
from pathlib import Path
from typing import Any

from penstock import __version__
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import CONFIG_VARIABLE, add_config, config_path
from penstock.config import Config, ConfigError
from penstock.deploy.aws.files import EXECUTABLE, files
from penstock.deploy.aws.image import CannotBake, Wants, bake, with_placeholders
from penstock.deploy.aws.settings import LONGEST_DRAIN, Schedule, Terms
from penstock.edge.config import ListenConfig
from penstock.routing.config import RoutingConfig
from penstock.scaling.steps import BANDS

VARIANTS = {"lambda": ("lambda",), "fargate": ("fargate",), "both": ("lambda", "fargate")}
LONGEST_IDLE = 4000
"""Seconds: no balancer waits longer."""
MARK = "settings.toml"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_SCHEDULE = re.compile(r"([A-Za-z][A-Za-z0-9]{0,30})=([0-9A-Za-z*?,/# -]{9,80})=([0-9]{1,5})-([0-9]{1,5})")


def add(kinds: Any) -> None:
    """The options, as a kind of ``penstock deploy``."""
    about = "A CDK app in Python: the gateway as a Lambda function, as a Fargate service, or both, with all around it."
    kind = kinds.add_parser("aws", help="a CDK app for AWS: Lambda, Fargate, or both", description=about)
    add_config(kind)
    kind.add_argument("--out", required=True, metavar="DIR", help="the app's folder")
    kind.add_argument("--variant", choices=tuple(VARIANTS), default="lambda")
    kind.add_argument("--name", default="penstock", help="of the stacks (%(default)s)")
    kind.add_argument("--arch", choices=("arm64", "x86_64"), default="arm64")
    kind.add_argument("--store", choices=("own", "elasticache"), default="own",
                      help="own: the config's redis://; elasticache: the app makes one")  # fmt: skip
    kind.add_argument("--certificate", default="", metavar="ARN", help="of ACM, for the balancer")
    kind.add_argument("--internal", action="store_true", help="the balancer is reached from within the VPC alone")
    kind.add_argument("--vpc", default="", metavar="ID", help="one that is there; otherwise a new one is made")
    kind.add_argument("--secret", metavar="NAME", help="of Secrets Manager (the stacks' name and /environment)")
    kind.add_argument("--concurrency", type=_range, default=(50, 500), metavar="MIN-MAX", help="provisioned (50-500)")
    kind.add_argument("--memory", type=int, default=3008, metavar="MB", help="of the function (%(default)s)")
    kind.add_argument("--timeout", type=int, default=30, metavar="S", help="of the function, 1 to 900 (%(default)s)")
    kind.add_argument("--url", choices=("none", "iam", "off"), default="none",
                      help="what the streaming URL asks besides the gateway's keys; off: no URL")  # fmt: skip
    kind.add_argument("--tasks", type=_range, default=(2, 50), metavar="MIN-MAX", help="of the service (2-50)")
    kind.add_argument("--schedule", type=_schedule, action="append", default=[], metavar="NAME=CRON=MIN-MAX",
                      help="bounds from a moment on, such as 'Day=0 7 ? * MON-FRI *=100-500'")  # fmt: skip
    kind.add_argument("--alarm-email", default="", metavar="ADDRESS")
    kind.add_argument("--no-tracing", action="store_true", help="no collector, no X-Ray")
    kind.add_argument("--requirement", default=f"penstock[redis]=={__version__}", metavar="WORDS",
                      help="what pip installs in the image (%(default)s)")  # fmt: skip


def write(options: argparse.Namespace) -> int:
    """Make the folder, or make it anew."""
    path = config_path(options.config)
    if path is None:
        raise Failure(f"penstock deploy aws: which config? --config FILE, or ${CONFIG_VARIABLE}", 2)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        config = Config.parse(text, path, with_placeholders(text, os.environ))
        terms, wants = _terms(config, options)
        baked = bake(text, path, os.environ, wants)
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: cannot be read: {error}", 2) from None
    except (ConfigError, CannotBake) as error:
        raise Failure("\n".join(error.problems), WRONG_CONFIG) from None
    except ValueError as error:
        raise Failure(f"penstock deploy aws: {error}", 2) from None
    terms = Terms(**{**{name: getattr(terms, name) for name in Terms.__slots__}, "secret_names": baked.names})
    folder = Path(options.out)
    _written(folder, files(terms, baked, options.requirement))
    print(f"{folder}: a CDK app; its README.md says what comes next")
    members = ", ".join(["PENSTOCK_KEYS", *baked.names])
    print(f'the secret "{terms.secret}" must have: {members}')
    return 0


def _terms(config: Config, options: argparse.Namespace) -> tuple[Terms, Wants]:
    """Raises ValueError for options that do not go together."""
    if _NAME.fullmatch(options.name) is None:
        raise ValueError(f'--name {options.name[:40]}: small letters, digits and "-", at most 31, such as penstock-eu')
    if not options.certificate and not options.internal:
        raise ValueError("keys would cross the internet in plain text: pass --certificate ARN, or --internal")
    if not 128 <= options.memory <= 10_240 or not 1 <= options.timeout <= 900:
        raise ValueError("a function has 128 to 10240 MB, and 1 to 900 s")
    variants = VARIANTS[options.variant]
    listen, routing = config.of(ListenConfig), config.of(RoutingConfig)
    if "fargate" in variants and listen.drain > LONGEST_DRAIN:
        raise ValueError(
            f"listen.drain is {listen.drain:g} s, and Fargate ends a task 120 s after it told it to stop: at most"
            f" {LONGEST_DRAIN}s"
        )
    if options.schedule and len(variants) > 1:
        raise ValueError("--schedule bounds one variant; with both, write the schedules into settings.toml")
    idle = min(LONGEST_IDLE, math.ceil(routing.timeouts.total) + 5)
    terms = Terms(
        BANDS, options.name, variants, options.arch, options.vpc, options.internal, options.certificate,
        options.secret or f"{options.name}/environment", tracing=not options.no_tracing,
        alarm_email=options.alarm_email, store="cache.t4g.small" if options.store == "elasticache" else "",
        memory=options.memory, timeout=options.timeout, concurrency=options.concurrency,
        streams=options.url != "off", url_auth="iam" if options.url == "iam" else "none", tasks=options.tasks,
        drain=listen.drain, idle=idle, schedules=options.schedule,
    )  # fmt: skip
    return terms, Wants(bool(terms.store), terms.tracing, idle, terms.namespace)


def _range(text: str) -> tuple[int, int]:
    least, _, most = text.partition("-")
    if not (least.isdigit() and most.isdigit() and 0 < int(least) <= int(most) <= 10_000):
        raise argparse.ArgumentTypeError(f'"{text[:40]}" is not MIN-MAX, such as 50-500')
    return int(least), int(most)


def _schedule(text: str) -> Schedule:
    match = _SCHEDULE.fullmatch(text)
    if match is None or len(match[2].split()) != 6 or int(match[3]) > int(match[4]):
        raise argparse.ArgumentTypeError(
            f'"{text[:100]}" is not NAME=CRON=MIN-MAX with six fields of time, such as "Day=0 7 ? * MON-FRI *=100-500"'
        )
    return Schedule(match[1], match[2], int(match[3]), int(match[4]))


def _written(folder: Path, contents: dict[str, bytes]) -> None:
    """Write the files; those that other people put there stay. Raises Failure."""
    try:
        if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).exists():
            raise Failure(f"{folder} is not empty, and no app of ours: choose another --out", 2)
        for name, data in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o755 if name in EXECUTABLE else 0o644)
    except OSError as error:
        raise Failure(f"{error.filename}: cannot be written: {error.strerror}") from None
