"""How Kubernetes names things, and where it lays the account of a pod. Pure."""

from __future__ import annotations

import hashlib
import re

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
LONGEST_LABEL = 63
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)


def is_label(text: str) -> bool:
    """Whether it may name what becomes one part of a host name, such as a service (RFC 1123)."""
    return re.fullmatch(_LABEL, text, re.ASCII) is not None


def is_name(text: str) -> bool:
    """Whether it may name an object: labels with dots between them."""
    return _NAME.fullmatch(text) is not None


def label_of(text: str, longest: int = LONGEST_LABEL) -> str:
    """A label for any text: itself where it is one; else what is left of it, and a mark that keeps others apart."""
    if is_label(text) and len(text) <= longest:
        return text
    mark = hashlib.sha256(text.encode()).hexdigest()[:6]
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[: longest - 7].strip("-")
    return f"{plain}-{mark}" if plain else f"x-{mark}"
