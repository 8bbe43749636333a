"""The config as it goes elsewhere: without secrets, with paths that are there. Pure.

Enters: the text of a config that is good, the sections, the values that must be others there. Leaves: the text, the
variables that it refers to, the files that must be brought. A value of a secret key that is not made of references
alone becomes a reference; comments do not travel. References are never filled in: what they stand for is not known.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import yaml

from penstock.core.command_words import masked_words
from penstock.core.document import MERGE_TAG, Node, compose, is_null
from penstock.core.interpolation import references, rewritten
from penstock.core.settings import Section
from penstock.core.shapes import MASK, Field, Hidden, Shape, fields_of

Place = tuple[str, ...]
Value = str | int | bool | None | list[str]
SCHEMES = re.compile(r"(?:bearer|basic|token|apikey|key)?\s*", re.ASCII | re.IGNORECASE)
"""What may stand before a reference in a secret without being one."""
_TAG = "tag:yaml.org,2002:"
_IN_CLUSTER = "/var/run/secrets/"
_WIDEST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Ground:
    """Where things lie there: files that are brought, and what is written."""

    files: str = "/etc/penstock/files"
    data: str = "/var/lib/penstock"


@dataclass(frozen=True, slots=True)
class Variable:
    """``optional``: the config can do without. ``place``: the key whose secret it stands for, where we made it."""

    name: str
    optional: bool = False
    place: str = ""


@dataclass(frozen=True, slots=True)
class Carried:
    """``files``: by name there, where it lies here. ``remarks``: what was changed, a sentence each."""

    text: str
    variables: tuple[Variable, ...]
    files: Mapping[str, str]
    remarks: tuple[str, ...]


def carry(text: str, sections: Sequence[Section], values: Mapping[Place, Value], ground: Ground) -> Carried:
    """The config in ``text`` as it goes elsewhere, with ``values`` at their places."""
    root = compose(text)
    if not isinstance(root, yaml.MappingNode):
        root = yaml.MappingNode(_TAG + "map", [], flow_style=False)
    fields: dict[str, Field] = {}
    for key, struct in sections:
        fields.update({key: Field(key, Shape("struct", struct=struct), None)} if key else fields_of(struct))
    walk = _Walk(ground, frozenset(values), {one.name for one in references(text)})
    walk.mapping(root, fields, ())
    for place, value in values.items():
        root = _put(root, place, value)
    written = str(yaml.serialize(root, width=_WIDEST, allow_unicode=True)) if root.value else "{}\n"
    optional: dict[str, bool] = {}
    for one in _references(root):
        optional[one[0]] = optional.get(one[0], True) and one[1]
    variables = [Variable(name, may, walk.made.get(name, "")) for name, may in optional.items()]
    return Carried(written, tuple(variables), walk.files, tuple(walk.remarks))


@dataclass(eq=False, slots=True)
class _Walk:
    """One pass over the nodes, which are changed in place. A node that an alias shares is met again as it is then."""

    ground: Ground
    others: frozenset[Place]
    taken: set[str]
    made: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def mapping(self, node: Node, fields: Mapping[str, Field] | Shape, place: Place) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        for key, value in node.value:
            if key.tag == MERGE_TAG:
                for base in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    self.mapping(base, fields, place)
                continue
            shape = fields if isinstance(fields, Shape) else fields[key.value].shape if key.value in fields else None
            if shape is not None:
                self.value(value, shape, (*place, str(key.value)))

    def value(self, node: Node, shape: Shape, place: Place) -> None:
        if place in self.others or is_null(node):
            return
        if shape.base == "struct" and shape.struct is not None:
            self.mapping(node, fields_of(shape.struct), place)
        elif shape.base == "dict" and shape.inner is not None:
            self.mapping(node, shape.inner, place)
        elif shape.base == "list" and shape.inner is not None:
            items = node.value if isinstance(node, yaml.SequenceNode) else []
            texts = [str(item.value) if isinstance(item, yaml.ScalarNode) else "" for item in items]
            for position, item in enumerate(items):
                self.value(item, item_shape(shape, texts, position), (*place, str(position)))
        elif isinstance(node, yaml.ScalarNode):
            self.scalar(node, shape, place)

    def scalar(self, node: yaml.ScalarNode, shape: Shape, place: Place) -> None:
        text = str(node.value)
        if any(one.file for one in references(text)):
            self.replace(node, place, "is read from a file here")
        elif shape.hidden is not None:
            bare = rewritten(text, lambda inner: f"${{{inner.partition(':-')[0]}}}")
            if not is_safe(bare, shape.hidden):
                self.replace(node, place, "stands in the file itself")
            elif bare != text:
                node.value, node.style = bare, '"'
                self.remarks.append(f"{'.'.join(place)}: the default of its reference is left out: it may be a secret")
        elif shape.path is not None and not text.startswith((_IN_CLUSTER, self.ground.files, self.ground.data)):
            self.path(node, place, shape.path.exists or place[-2:] == ("discover", "file"))

    def replace(self, node: yaml.ScalarNode, place: Place, why: str) -> None:
        """A reference in place of the value."""
        name = "PENSTOCK_" + re.sub(r"[^A-Z0-9]+", "_", "_".join(place).upper()).strip("_")
        while name in self.taken:
            name += "_2"
        self.taken.add(name)
        self.made[name] = ".".join(place)
        node.value, node.style, node.tag = f"${{{name}}}", '"', _TAG + "str"
        self.remarks.append(f"{'.'.join(place)} {why}: there it is the variable {name}")

    def path(self, node: yaml.ScalarNode, place: Place, brought: bool) -> None:
        """Another path in place of one of this machine."""
        here = str(node.value)
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", posixpath.basename(here)).lstrip("._") or "file"
        if brought:
            while self.files.get(name, here) != here:
                name = f"x{name}"
            self.files[name] = here
        node.value, node.style = f"{self.ground.files if brought else self.ground.data}/{name}", '"'
        node.tag = _TAG + "str"
        self.remarks.append(f"{'.'.join(place)}: there it is {node.value}")


def item_shape(shape: Shape, texts: Sequence[str], position: int) -> Shape:
    """That of an item of a list: a word of a command is hidden where it is a secret, or holds one."""
    inner = shape.inner
    assert inner is not None
    before = texts[:position]

    def hides(text: str) -> bool:
        return masked_words([*before, text], "")[-1] != text

    def mask(text: str) -> str:
        return MASK if hides(rewritten(text, lambda _: "")) else text

    if shape.words and hides(rewritten(texts[position], lambda _: "x")):
        return replace(inner, hidden=Hidden("secret word", mask))
    return inner


def is_safe(text: str, hidden: Hidden) -> bool:
    """Whether a secret value holds no secret: it is made of references, or is a URL without a password."""
    if hidden.mask(text) == text:
        return True
    _, mark, rest = text.partition("://")
    if hidden.mask("x") == "x" and mark:  # a URL, of which the password is the secret
        user, colon, password = rest.rpartition("@")[0].partition(":")
        return _is_reference(password if colon else user)
    return any(references(text)) and SCHEMES.fullmatch(rewritten(text, lambda _: "")) is not None


def _is_reference(text: str) -> bool:
    """Whether nothing is left of ``text`` without its references."""
    return not rewritten(text, lambda _: "")


def _put(node: yaml.MappingNode, place: Place, value: Value) -> yaml.MappingNode:
    """The mapping with ``value`` at ``place``. What an alias shares is copied: the others keep theirs."""
    copy = yaml.MappingNode(_TAG + "map", list(node.value), flow_style=node.flow_style)
    at = next((i for i, (key, _) in enumerate(copy.value) if key.value == place[0] and key.tag != MERGE_TAG), None)
    known = None if at is None else copy.value[at][1]
    fresh: Node
    if len(place) == 1:
        fresh = _scalar(value)
    else:
        inner = known if isinstance(known, yaml.MappingNode) else yaml.MappingNode(_TAG + "map", [], flow_style=False)
        fresh = _put(inner, place[1:], value)
    if at is None:
        copy.value.append((yaml.ScalarNode(_TAG + "str", place[0]), fresh))
    else:
        copy.value[at] = (copy.value[at][0], fresh)
    return copy


def _scalar(value: Value) -> Node:
    if value is None:
        return yaml.ScalarNode(_TAG + "null", "null")
    if isinstance(value, list):
        return yaml.SequenceNode(_TAG + "seq", [_scalar(one) for one in value], flow_style=True)
    if isinstance(value, bool):
        return yaml.ScalarNode(_TAG + "bool", "true" if value else "false")
    if isinstance(value, int):
        return yaml.ScalarNode(_TAG + "int", str(value))
    return yaml.ScalarNode(_TAG + "str", value, style='"')


def _references(node: Node) -> list[tuple[str, bool]]:
    """Names of variables under ``node``, and whether each may be missing."""
    if isinstance(node, yaml.ScalarNode):
        return [(one.name, one.default is not None) for one in references(str(node.value)) if one.name]
    if isinstance(node, yaml.MappingNode):
        return [found for _, value in node.value for found in _references(value)]
    return [found for item in node.value for found in _references(item)]
