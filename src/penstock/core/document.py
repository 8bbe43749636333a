"""YAML text as a tree of nodes that know their lines. Nothing is constructed from tags; size and depth are bounded.

Enters: the text of a config file. Leaves: PyYAML nodes, safe to walk recursively. May fail: BadDocument with a line.
"""

from __future__ import annotations

from typing import Any

import yaml

Node = yaml.nodes.Node
LARGEST_TEXT = 1024 * 1024
"""Characters."""
LARGEST_TREE = 20_000
"""Nodes, aliases counted each time they stand for one: a few lines of nested aliases are else a million nodes."""
DEEPEST = 32
_TAGS = frozenset(
    "tag:yaml.org,2002:" + name for name in ("null", "bool", "int", "float", "str", "seq", "map", "timestamp", "value")
)
MERGE_TAG = "tag:yaml.org,2002:merge"


class BadDocument(Exception):
    """The text is not acceptable YAML. ``line`` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class _Loader(yaml.SafeLoader):
    """Composes nodes only, and stops at ``DEEPEST`` before the interpreter's own stack does."""

    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise BadDocument(self.line + 1, f"nested more than {DEEPEST} levels deep")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def compose(text: str) -> Node | None:
    """The root node; None for a text without content. Raises BadDocument."""
    if len(text) > LARGEST_TEXT:
        raise BadDocument(1, f"larger than {LARGEST_TEXT // 1024} KiB")
    try:
        loader = _Loader(text)
        root: Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise BadDocument(line, _explain(text, line, error)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise BadDocument(line, "a character that YAML does not allow") from None
    except (yaml.YAMLError, ValueError) as error:
        raise BadDocument(1, f"not valid YAML: {error}") from None
    if root is not None:
        _measure(root, {})
    return root


def _explain(text: str, line: int, error: yaml.MarkedYAMLError) -> str:
    lines = text.splitlines()
    nearby = "\n".join(lines[max(0, line - 2) : line])
    problem = " ".join(str(error.problem or "not valid YAML").split())
    if "${" in nearby and "{" in nearby.replace("${", ""):
        return f'not valid YAML ({problem}); inside {{…}} a reference needs quotes: "${{NAME}}"'
    if "\t" in nearby:
        return f"not valid YAML ({problem}); indent with spaces, not tabs"
    return f"not valid YAML: {problem}"


def _measure(node: Node, sizes: dict[int, int]) -> int:
    """Nodes under ``node`` with every alias spelt out."""
    known = sizes.get(id(node))
    if known is not None:
        if known == 0:
            raise BadDocument(node.start_mark.line + 1, "an anchor that contains itself")
        return known
    if node.tag not in _TAGS and node.tag != MERGE_TAG:
        raise BadDocument(node.start_mark.line + 1, "YAML tags (!…) are not used here; remove it")
    sizes[id(node)] = 0
    total = 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            total += _measure(key, sizes) + _measure(value, sizes)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            total += _measure(item, sizes)
    if total > LARGEST_TREE:
        raise BadDocument(node.start_mark.line + 1, f"more than {LARGEST_TREE} values once its aliases are spelt out")
    sizes[id(node)] = total
    return total


def line_of(node: Node) -> int:
    """Counted from 1."""
    return int(node.start_mark.line) + 1


def is_null(node: Node) -> bool:
    """``null``, ``~`` or nothing at all, unquoted."""
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")


def is_text_key(node: Node) -> bool:
    """Whether a mapping's key is a string (``1:`` and ``yes:`` are a number and a boolean to YAML)."""
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":str")
