"""Names of models that end in a star and so stand for all that begin so: which fit, and rules given by them. Pure.

Enters: patterns and names. Leaves: whether they fit; findings about rules that no call can meet. May fail: not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from penstock.core.scalars import suggest
from penstock.core.settings import Finding


def fits(pattern: str, name: str) -> bool:
    """Whether ``pattern`` stands for ``name``."""
    return pattern == name or (pattern.endswith("*") and name.startswith(pattern[:-1]))


def nearest(patterns: Iterable[str], name: str) -> str | None:
    """Of those that fit the name itself, else the longest."""
    return max((one for one in patterns if fits(one, name)), key=lambda one: (one == name, len(one)), default=None)


def meet(rule: str, served: str) -> bool:
    """Whether a name can fit both, each of which may end in a star."""
    if rule.endswith("*") and served.endswith("*"):
        return rule.startswith(served[:-1]) or served.startswith(rule[:-1])
    return fits(rule, served) or fits(served, rule)


def misplaced_stars(rules: Iterable[str]) -> Iterator[Finding]:
    """Rules of a section's ``models`` with a star anywhere but at the end."""
    for name in rules:
        if "*" in name[:-1]:
            yield ("models", name), f'models: "{name[:64]}": a star stands at the end only, for all that begin so'


def unmet(section: str, rules: Iterable[str], models: Sequence[str]) -> Iterator[Finding]:
    """Rules of ``section.models`` that no call can meet, since none of the ``models`` served fits them."""
    for name in rules:
        if "*" not in name[:-1] and not any(meet(name, served) for served in models):
            yield (
                (section, "models", name),
                f'{section}.models: unknown model "{name[:64]}"{suggest(name, list(models))}',
            )
