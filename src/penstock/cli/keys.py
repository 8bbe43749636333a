"""``penstock keys``: make, list and revoke keys. A running gateway follows the key file within a second or two.

Enters: the key file of the config. Leaves: the changed file; a new key, once, alone on standard output, so that
``KEY=$(penstock keys new ci)`` works. May fail: Failure with what is wrong with the file or the name.
"""

from __future__ import annotations

import argparse
import os
import sys

from penstock.assemble_keys import KeyFileError, KeyStore, key_store
from penstock.auth.keys import Key, Right
from penstock.cli.failure import Failure
from penstock.cli.options import add_config, add_json, load_config, parser, print_json
from penstock.core.priority import NAMES


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    store = key_store(load_config(options.config), os.environ)
    if options.key_file:
        store = KeyStore(options.key_file)
    try:
        if options.verb == "new":
            return _new(store, options)
        if options.verb == "revoke":
            return _revoke(store, options)
        return _list(store, options)
    except KeyFileError as error:
        raise Failure(f"penstock keys: {error}") from None


def _parser() -> argparse.ArgumentParser:
    wants = parser(
        "keys",
        "Make, list and revoke the keys that callers use. Only hashes are kept: a key is shown once, when it is made.",
        "A running gateway takes changes within about a second; it need not be reloaded.",
    )
    verbs = wants.add_subparsers(dest="verb", metavar="new | list | revoke", required=True)
    new = verbs.add_parser("new", help="make a key and print it", description="Make a key and print it, once.")
    new.add_argument("name", metavar="NAME", help="what to call it, for example after its user")
    new.add_argument("--admin", action="store_true", help="it may also use the admin routes")
    new.add_argument("--admin-only", action="store_true", help="it may use the admin routes, but not call models")
    new.add_argument(
        "--priority", choices=NAMES, default="normal", help="the highest class of calls that it may ask for (normal)"
    )
    new.add_argument(
        "--weight", type=int, default=1, metavar="N", help="its share beside other keys where calls must wait (1)"
    )
    listing = verbs.add_parser("list", help="show the keys", description="Show the keys: names, rights, dates.")
    revoke = verbs.add_parser("revoke", help="end a key", description="End a key, for good.")
    revoke.add_argument("key", metavar="NAME|ID", help="its name or its id, as penstock keys list shows them")
    for verb in (new, listing, revoke):
        add_config(verb)
        verb.add_argument("--key-file", metavar="FILE", help="this key file instead of the config's")
        add_json(verb)
    return wants


def _new(store: KeyStore, options: argparse.Namespace) -> int:
    rights: tuple[Right, ...] = ("call",)
    if options.admin_only:
        rights = ("admin",)
    elif options.admin:
        rights = ("call", "admin")
    key, secret = store.add(options.name, rights, options.priority, options.weight)
    if options.json:
        print_json({**_plain(key), "key": secret})
        return 0
    print(f'{key.id} "{key.name}" may {" and ".join(key.rights)}. Keep it: it is not shown again.', file=sys.stderr)
    print(secret)
    return 0


def _list(store: KeyStore, options: argparse.Namespace) -> int:
    store.open(create=False)
    if options.json:
        print_json([_plain(key) for key in store.keys])
        return 0
    print(f"# {store.path}")
    width = max([4, *(len(key.name) for key in store.keys)])
    print(f"{'id':<12}  {'name':<{width}}  {'rights':<10}  {'class':<6}  {'weight':>6}  {'created':<10}  revoked")
    for key in store.keys:
        revoked = f"{key.revoked:%Y-%m-%d}" if key.revoked else ""
        row = f"{key.id:<12}  {key.name:<{width}}  {'+'.join(key.rights):<10}  {key.priority:<6}  {key.weight:>6}"
        print(f"{row}  {key.created:%Y-%m-%d}  {revoked}".rstrip())
    return 0


def _revoke(store: KeyStore, options: argparse.Namespace) -> int:
    key = store.revoke(options.key)
    if options.json:
        print_json(_plain(key))
    else:
        print(f'{key.id} "{key.name}" is revoked')
    return 0


def _plain(key: Key) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "rights": list(key.rights),
        "priority": key.priority,
        "weight": key.weight,
        "created": key.created.isoformat(),
        "revoked": key.revoked.isoformat() if key.revoked else None,
    }
