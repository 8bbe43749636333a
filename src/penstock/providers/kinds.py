"""How each kind of HTTP upstream is spoken to: its dialects and how its key is shown. Data, and one function. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from penstock.core.call import Headers
from penstock.providers.http import Speech

_OPENAI = frozenset({"openai"})
_ANTHROPIC = frozenset({"anthropic"})
_BOTH = _OPENAI | _ANTHROPIC


@dataclass(frozen=True, slots=True)
class Kind:
    """``key_field`` carries the key, after ``key_prefix``. ``one_call``: a connection must carry one call only;
    ``realtime``: it may offer the realtime API (as far as its models do)."""

    dialects: frozenset[str]
    key_field: bytes = b"authorization"
    key_prefix: bytes = b"Bearer "
    defaults: tuple[tuple[bytes, bytes], ...] = ()
    one_call: bool = False
    realtime: bool = False


HTTP_KINDS: dict[str, Kind] = {
    "openai": Kind(_OPENAI, realtime=True),
    "vllm": Kind(_BOTH, realtime=True),
    "sglang": Kind(_OPENAI, realtime=True),
    "ollama": Kind(_BOTH),
    # Its server closes after a stream without having said so: a call that came in between would be lost.
    "llamacpp": Kind(_BOTH, one_call=True),
    "gemini": Kind(_OPENAI),
    "azure": Kind(_OPENAI, key_field=b"api-key", key_prefix=b"", realtime=True),
    "anthropic": Kind(
        _ANTHROPIC, key_field=b"x-api-key", key_prefix=b"", defaults=((b"anthropic-version", b"2023-06-01"),)
    ),
}


def speech(kind: str, base_url: str, api_key: str | None, headers: dict[str, str]) -> Speech:
    """The Speech for one upstream. ``base_url`` has no slash at its end. Raises KeyError for a kind not spoken."""
    known = HTTP_KINDS[kind]
    parts = urlsplit(base_url)
    fields: Headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    if api_key and not any(name == known.key_field for name, _ in fields):
        fields.append((known.key_field, known.key_prefix + api_key.encode("latin-1")))
    if known.one_call:
        fields.append((b"connection", b"close"))
    return Speech(
        host=parts.netloc,
        base_path=parts.path.rstrip("/"),
        dialects=known.dialects,
        fields=fields,
        defaults=list(known.defaults),
        realtime=known.realtime,
    )
