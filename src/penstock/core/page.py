"""One HTML page that stands alone: nothing is fetched, nothing runs, light or dark as the reader's system is. Pure.

Enters: a title, styles and a body that is HTML already. Leaves: the page. Whoever makes the body escapes what others
wrote (``escaped``); the page forbids by its own policy whatever might slip through.
"""

from __future__ import annotations

import html

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "svg{display:block;width:100%;height:auto}text{font:13px system-ui,sans-serif;fill:#222}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}text{fill:#ddd}}"
)


def escaped(text: object) -> str:
    """As text in HTML, in an attribute too; signs that cannot be seen, or that turn the writing, are spaces."""
    return html.escape("".join(sign if sign.isprintable() else " " for sign in str(text)))


def document(title: str, style: str, body: str) -> str:
    """The page. ``style`` is added to that of all pages."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escaped(title)}</title><style>{_STYLE}{style}</style>{body}</html>\n"
    )
