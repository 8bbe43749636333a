"""An nginx configuration that balances gateways, or model servers, as streams of models need it. Pure.

Enters: a pool, a method, the terms that the config gives. Leaves: text for ``nginx -t``. Nothing is buffered,
connections to the servers are kept, WebSockets pass, timeouts are a little longer than Penstock's own, so that it is
Penstock that says why. What only operators may see does not pass unless asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.deploy.pool import Member

METHODS: dict[str, str] = {
    "round_robin": "",
    "least_conn": "least_conn;",
    "ip_hash": "ip_hash;",
    "hash": "hash $hash_key consistent;",
    "random": "random two least_conn;",
}
"""By name, the line of the upstream block; round robin and weights need none."""
KEPT_CONNECTIONS = 64
SPARE_SECONDS = 5
"""Beyond Penstock's own timeouts."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the balancer shall do. ``listen``: port, or address and port. Seconds and bytes. ``hash_header``: the field
    that ``hash`` sends to the same server, such as the session. ``private``: admin, metrics and dashboard pass, too."""

    method: str = "round_robin"
    listen: str = "80"
    server_name: str = "_"
    certificate: str = ""
    certificate_key: str = ""
    connect: float = 5.0
    total: float = 600.0
    max_body: int = 32 * 1024 * 1024
    max_head: int = 32 * 1024
    hash_header: str = "x-penstock-session"
    private: bool = False


def nginx(members: Sequence[Member], terms: Terms) -> str:
    """The text. Raises ValueError for a method that nginx does not have."""
    if terms.method not in METHODS:
        raise ValueError(f'"{terms.method}" is no method of nginx: {", ".join(METHODS)}')
    return "\n".join([*_head(terms), *_upstream(members, terms), *_server(terms)]) + "\n"


def _head(terms: Terms) -> list[str]:
    lines = [
        "# Written by `penstock deploy nginx`, to be included in the http block: /etc/nginx/conf.d/penstock.conf.",
        "# Taken into force by `nginx -t && nginx -s reload`: a reload lets streams end, a restart would cut them.",
        "",
        "map $http_upgrade $penstock_connection {",
        "    default upgrade;",
        '    ""      "";  # kept open',
        "}",
    ]
    if terms.method == "hash":
        field = terms.hash_header.lower().replace("-", "_")
        lines += [
            f"map $http_{field} $hash_key {{",
            f"    default $http_{field};",
            '    ""      $remote_addr;',
            "}",
        ]
    return [*lines, ""]


def _upstream(members: Sequence[Member], terms: Terms) -> list[str]:
    lines = ["upstream penstock {"]
    if METHODS[terms.method]:
        lines.append(f"    {METHODS[terms.method]}")
    for member in members:
        weight = f" weight={member.weight}" if member.weight != 1 else ""
        # One failure takes it out for as long as the next start of a worker may take: others serve meanwhile.
        lines.append(f"    server {member.address}{weight} max_fails=2 fail_timeout=5s;")
    return [
        *lines,
        f"    keepalive {KEPT_CONNECTIONS};",
        "    keepalive_timeout 60s;  # below listen.idle_timeout",
        "}",
        "",
    ]


def _server(terms: Terms) -> list[str]:
    read = math.ceil(terms.total) + SPARE_SECONDS
    lines = ["server {"]
    if terms.certificate:
        lines += [
            f"    listen {terms.listen} ssl;",
            f"    ssl_certificate {terms.certificate};",
            f"    ssl_certificate_key {terms.certificate_key};",
            "    ssl_protocols TLSv1.2 TLSv1.3;",
        ]
    else:
        lines.append(f"    listen {terms.listen};")
    lines += [
        f"    server_name {terms.server_name};",
        f"    client_max_body_size {math.ceil(terms.max_body / 1024)}k;  # as listen.max_body",
        f"    large_client_header_buffers 8 {math.ceil(terms.max_head / 1024)}k;",
        "    client_body_timeout 60s;",
        "",
        "    location / {",
        "        proxy_pass http://penstock;",
        "        proxy_http_version 1.1;",
        "        proxy_set_header Host $http_host;  # its port, too: /ui compares it with Origin",
        "        proxy_set_header X-Real-IP $remote_addr;",
        "        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "        proxy_set_header X-Forwarded-Proto $scheme;",
        "        proxy_set_header Upgrade $http_upgrade;",
        "        proxy_set_header Connection $penstock_connection;",
        "        proxy_buffering off;          # events go out as they come",
        "        proxy_request_buffering off;  # uploads, too",
        f"        proxy_connect_timeout {math.ceil(terms.connect)}s;",
        f"        proxy_send_timeout {read}s;",
        f"        proxy_read_timeout {read}s;  # timeouts.total and a little",
        "        proxy_next_upstream error timeout;  # a call that was sent is not sent twice",
        "        proxy_next_upstream_tries 3;",
        "    }",
    ]
    if not terms.private:
        lines += [
            "",
            "    location ~ ^/(admin/|metrics$|ui(/|$)) {",
            "        return 404;  # for operators, from within",
            "    }",
        ]
    return [*lines, "}"]
