"""Trees of plain values in which some places are left to who installs a chart: one description, two texts. Pure.

Enters: dicts, lists and scalars, with a ``Hole`` where a chart has a value. Leaves: the tree with the holes' own
values, or a Go template in which each hole asks for its value. Both say the same where nothing is chosen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

Tree = Any
_TOKEN = "penstock-hole-"
_LINE = re.compile(rf"^(?P<indent> *)(?P<begin>(?:- )*)(?P<key>[^\s:#]+: )?{_TOKEN}(?P<number>[0-9]+)$")
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@-]+(?::[A-Za-z0-9_./@-]+)*", re.ASCII)
_WIDEST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Hole:
    """``value`` stands here unless somebody chooses. ``path``: where it is in values.yaml, such as ``image.tag``; ""
    for what is no value of the chart. ``expression``: what Go's template language calls it. ``optional``: where it is
    empty, its key is left out."""

    path: str
    value: Any
    expression: str = ""
    optional: bool = False

    @property
    def asked(self) -> str:
        """The expression."""
        return self.expression or f".Values.{self.path}"


@dataclass(frozen=True, slots=True)
class Document:
    """One object. ``file``: its name without the end. With ``when`` it is there only where that is true."""

    file: str
    tree: Tree
    when: Hole | None = None

    @property
    def is_there(self) -> bool:
        """Whether it is by default."""
        return self.when is None or bool(self.when.value)


def filled(tree: Tree) -> Tree:
    """The tree with the holes' own values."""
    if isinstance(tree, Hole):
        return filled(tree.value)
    if isinstance(tree, dict):
        return {key: filled(value) for key, value in tree.items() if not _left_out(value)}
    if isinstance(tree, list):
        return [filled(item) for item in tree]
    return tree


def _left_out(value: Tree) -> bool:
    return isinstance(value, Hole) and value.optional and value.value in (None, "", [], {})


def text_of(tree: Tree) -> str:
    """The filled tree as YAML."""
    return dump(filled(tree))


def template_of(document: Document) -> str:
    """The document as a Go template, whose holes ask for values as JSON, which is YAML as well."""
    holes: list[Hole] = []
    lines = dump(_punched(document.tree, holes)).splitlines()
    text = "\n".join(_asking(line, holes) for line in lines) + "\n"
    if document.when is None:
        return text
    return f"{{{{- if {document.when.asked} }}}}\n{text}{{{{- end }}}}\n"


def _punched(tree: Tree, holes: list[Hole]) -> Tree:
    if isinstance(tree, str) and "{{" in tree:
        tree = Hole("", tree, json.dumps(tree, ensure_ascii=False))  # a Go string: else it would be read as a template
    if isinstance(tree, Hole):
        holes.append(tree)
        return f"{_TOKEN}{len(holes) - 1}"
    if isinstance(tree, dict):
        return {key: _punched(value, holes) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_punched(item, holes) for item in tree]
    return tree


def _asking(line: str, holes: Sequence[Hole]) -> str:
    match = _LINE.match(line)
    if match is None:
        return line
    hole = holes[int(match["number"])]
    begin = match["indent"] + match["begin"] + (match["key"] or "")
    if not hole.optional:
        return f"{begin}{{{{ {hole.asked} | toJson }}}}"
    if match["begin"] or not match["key"]:
        raise ValueError(f"an optional value must have a key of its own that is not the first of a list: {line}")
    indent = match["indent"]
    return f"{indent}{{{{- with {hole.asked} }}}}\n{begin}{{{{ . | toJson }}}}\n{indent}{{{{- end }}}}"


def holes_of(tree: Tree) -> Iterator[Hole]:
    """Every hole, in order; those inside the value of a hole are none."""
    if isinstance(tree, Hole):
        yield tree
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from holes_of(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from holes_of(item)


class _Dumper(yaml.SafeDumper):
    """Quotes every text that some reader of YAML might take for something else (``1e3`` and ``yes`` are such)."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if "\n" in text:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if _PLAIN.fullmatch(text) else '"')


_Dumper.add_representer(str, _text)


def dump(tree: Tree) -> str:
    """Plain values as YAML, keys in their order, no line folded."""
    return str(yaml.dump(tree, Dumper=_Dumper, sort_keys=False, width=_WIDEST, allow_unicode=True))
