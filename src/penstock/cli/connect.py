"""``penstock connect``: the exact settings that point a client at this gateway."""

from __future__ import annotations

import os
import textwrap
from urllib.parse import urlsplit

from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import add_config, add_json, load_config, parser, print_json
from penstock.cli.recipes import RECIPES, Settings, Target, exports
from penstock.config import Config
from penstock.edge.config import ListenConfig
from penstock.routing.config import RoutingConfig

KEY_VARIABLE = "PENSTOCK_API_KEY"
PLACEHOLDER = "sk-pen-YOUR-KEY"


def main(arguments: list[str]) -> int:
    wants = parser(
        "connect",
        "Print the exact settings that point a client at this gateway.",
        "clients:\n" + "".join(f"  {name:<18}{recipe.title}\n" for name, recipe in RECIPES.items()),
    )
    wants.add_argument("client", nargs="?", choices=RECIPES, metavar="CLIENT", help="one of those below")
    wants.add_argument("--url", help="the gateway's address, such as http://127.0.0.1:8400 (otherwise the config's)")
    wants.add_argument("--key", help=f"the key to use (otherwise ${KEY_VARIABLE}, otherwise a placeholder)")
    wants.add_argument("--model", help="the model to ask for (otherwise the config's first)")
    add_config(wants)
    add_json(wants)
    options = wants.parse_args(arguments)
    if options.client is None:
        if options.json:
            print_json({name: recipe.title for name, recipe in RECIPES.items()})
        else:
            wants.print_help()
        return 0
    config = None if options.url and options.model else load_config(options.config)
    target = Target(
        _root(options.url or _address(config)),
        options.key or os.environ.get(KEY_VARIABLE) or PLACEHOLDER,
        options.model or _first_model(config),
    )
    if not (target.key + target.model).isprintable():
        raise Failure("penstock connect: a key or model with control characters cannot be right", WRONG_CONFIG)
    settings = RECIPES[options.client].settings(target)
    if options.json:
        print_json(_plain(options.client, settings))
    else:
        _show(RECIPES[options.client].title, settings)
        if target.key == PLACEHOLDER:
            print("# penstock keys new NAME makes a key; put it in place of the one above.")
    return 0


def _root(url: str) -> str:
    """The gateway's root, whether or not ``/v1`` was given with it."""
    root = url.rstrip("/").removesuffix("/v1").rstrip("/")
    parts = urlsplit(root)
    if parts.scheme not in ("http", "https") or not parts.hostname or not root.isprintable() or " " in root:
        raise Failure(f'penstock connect: --url "{url}" is not an address such as http://127.0.0.1:8400', WRONG_CONFIG)
    return root


def _address(config: Config | None) -> str:
    assert config is not None
    listen = config.of(ListenConfig)
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(listen.host, listen.host)
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{'https' if listen.tls else 'http'}://{host}:{listen.port}"


def _first_model(config: Config | None) -> str:
    """The first model with a whole name; echo stands last, for nobody wants it but to try."""
    assert config is not None
    names = [name for name in config.of(RoutingConfig).models if not name.endswith("*")]
    return next((name for name in names if name != "echo"), names[0] if names else "MODEL")


def _show(title: str, settings: Settings) -> None:
    print(f"# {title}")
    if settings.note:
        print(textwrap.indent(textwrap.fill(settings.note, 98), "# "))
    if settings.environment:
        print(f"\n{exports(settings.environment)}", end="")
    if settings.file is not None:
        path, text = settings.file
        print(f"\n# in {path}\n{text}", end="")
    if settings.then:
        heading = "" if settings.language == "sh" else f"# {settings.language}\n"
        print(f"\n{heading}{settings.then}", end="")


def _plain(client: str, settings: Settings) -> dict[str, object]:
    path, text = settings.file or (None, None)
    return {
        "client": client,
        "environment": settings.environment,
        "file": path,
        "file_text": text,
        "language": settings.language,
        "then": settings.then,
        "note": settings.note,
    }
