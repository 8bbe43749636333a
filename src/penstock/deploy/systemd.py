"""A systemd unit that runs a gateway on a machine, with as little as it needs. Pure.

Enters: facts of the config, and where things lie. Leaves: the unit. The gateway tells when it serves (``Type=notify``);
a stop leaves running calls the time that ``listen.drain`` gives them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.deploy.facts import Facts
from penstock.deploy.kubernetes.network import METADATA

STATE = "/var/lib/penstock"
SPARE_DESCRIPTORS = 4096
_WORD = re.compile(r"/[A-Za-z0-9_./@+-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """``program``: penstock's own path. ``written``: folders that the config writes to, beside its own."""

    program: str = "/opt/penstock/bin/penstock"
    config: str = "/etc/penstock/penstock.yaml"
    user: str = "penstock"
    written: Sequence[str] = ()
    connections: int = 20_000
    devices: bool = False


def systemd(facts: Facts, place: Place) -> str:
    """The unit. Raises ValueError for a path or name that would not stand as one word in it."""
    for path in (place.program, place.config, *place.written):
        if _WORD.fullmatch(path) is None:
            raise ValueError(f'"{path[:200]}" must be a whole path, without spaces and other signs')
    if re.fullmatch(r"[a-z_][a-z0-9_-]{0,30}", place.user, re.ASCII) is None:
        raise ValueError(f'"{place.user[:100]}" is no user\'s name')
    lines = [*_head(place), "", *_unit(), "", "[Service]", *_life(facts, place), "", *_shut_in(facts, place), ""]
    return "\n".join([*lines, "[Install]", "WantedBy=multi-user.target", ""])


def _head(place: Place) -> list[str]:
    return [
        "# Written by `penstock deploy systemd`, for /etc/systemd/system/penstock.service.",
        f"# First:  useradd --system --home-dir {STATE} --shell /usr/sbin/nologin {place.user}",
        "#         systemctl daemon-reload && systemctl enable --now penstock",
        "# Keys:   the first one is in the journal, shown once: journalctl -u penstock",
        f"#         sudo -u {place.user} XDG_CONFIG_HOME={STATE} {place.program} keys new NAME --config {place.config}",
    ]


def _unit() -> list[str]:
    return [
        "[Unit]",
        "Description=Penstock, a gateway to language models",
        "Wants=network-online.target",
        "After=network-online.target",
        "StartLimitIntervalSec=60",
        "StartLimitBurst=5",
    ]


def _life(facts: Facts, place: Place) -> list[str]:
    descriptors = facts.workers * place.connections * 2 + SPARE_DESCRIPTORS
    lines = [
        "Type=notify",
        "NotifyAccess=main",
        f"User={place.user}",
        f"Group={place.user}",
        "StateDirectory=penstock",
        "StateDirectoryMode=0700",
        "RuntimeDirectory=penstock",
        "RuntimeDirectoryMode=0700",
        f"Environment=HOME={STATE} XDG_CONFIG_HOME={STATE} XDG_CACHE_HOME={STATE}/cache XDG_RUNTIME_DIR=/run/penstock",
        "# What the config takes from the environment; mode 0600, owned by root.",
        "EnvironmentFile=-/etc/penstock/penstock.env",
        f"ExecStart={place.program} serve --config {place.config}",
        "# Takes the changed config; no call is dropped.",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "# The gateway is told, and ends what it started; what is left at the end is killed.",
        "KillMode=mixed",
        "KillSignal=SIGTERM",
        "TimeoutStartSec=120",
        f"# listen.drain ({math.ceil(facts.drain)} s) and a little.",
        f"TimeoutStopSec={facts.grace}",
        "Restart=on-failure",
        "RestartSec=1",
        "# A config that is wrong stays wrong.",
        "RestartPreventExitStatus=2",
        f"LimitNOFILE={descriptors}",
        "UMask=0077",
    ]
    if facts.memory is not None:
        lines.append(f"MemoryMax={facts.container_memory}")
    return lines


def _shut_in(facts: Facts, place: Place) -> list[str]:
    compiles = bool(facts.extras & {"local", "semantic"}) or place.devices
    lines = [
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        f"PrivateDevices={'no' if place.devices else 'yes'}",
        "ProtectKernelTunables=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelLogs=yes",
        "ProtectControlGroups=yes",
        "ProtectClock=yes",
        "ProtectHostname=yes",
        "ProtectProc=invisible",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
        "RestrictNamespaces=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "LockPersonality=yes",
        f"MemoryDenyWriteExecute={'no' if compiles else 'yes'}",
        "RemoveIPC=yes",
        "KeyringMode=private",
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged",
        "SystemCallErrorNumber=EPERM",
        f"IPAddressDeny={' '.join(one.partition('/')[0] for one in METADATA)}",
    ]
    return lines + [f"ReadWritePaths=-{folder}" for folder in place.written]
