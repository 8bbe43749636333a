"""How each kind of HTTP upstream is spoken to: its dialects and how its key is shown. Data, and one function. Pure."""

from __future__ import annotations

from collections.abc import Sequence
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


def speech(
    kind: str, base_url: str, api_key: str | None, headers: dict[str, str], more_keys: Sequence[str] = ()
) -> Speech:
    """The Speech for one upstream. ``base_url`` has no slash at its end. Raises KeyError for a kind not spoken."""
    known = HTTP_KINDS[kind]
    parts = urlsplit(base_url)
    own: Headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    closing = [(b"connection", b"close")] if known.one_call else []
    keys = [api_key] if api_key else []
    shown: list[Headers] = []
    if not any(name == known.key_field for name, _ in own):
        shown = [[(known.key_field, known.key_prefix + key.encode("latin-1"))] for key in (*keys, *more_keys)]
    first, *others = [[*own, *key, *closing] for key in shown or [[]]]
    return Speech(
        host=parts.netloc,
        base_path=parts.path.rstrip("/"),
        dialects=known.dialects,
        fields=first,
        other_fields=others,
        defaults=list(known.defaults),
        realtime=known.realtime,
        secrets=[*(key.encode("latin-1") for key in (*keys, *more_keys)), *_secrets_in(own)],
    )


def _secrets_in(fields: Headers) -> list[bytes]:
    """Values that nobody else may see; of credentials also without the word before them (``Bearer``)."""
    values = [value for _, value in fields]
    return values + [value.rpartition(b" ")[2] for name, value in fields if name.endswith(b"authorization")]
