"""What the doctor asks of an upstream behind HTTP: is the key accepted, which models, one token, one stream. Blocking.

Enters: a Patient, in a thread. Leaves: a Step for each question, ok, failed or skipped, with milliseconds and what to
fix; nothing is asked once a step has failed on which the rest stands. Keys are struck out of all that is said.
"""

from __future__ import annotations

import contextlib
import difflib
import http.client
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

from penstock.assemble_doctor_reach import Ill, Patient, Step, connect, open_connection, place, resolve, secure
from penstock.providers.kinds import speech
from penstock.wire.errors import upstream_message

STEPS = ("dns", "tcp", "tls", "auth", "models", "token", "stream")
MOST_READ_BYTES = 4 * 1024 * 1024
_NOT_FOR_CHAT = ("embed", "whisper", "tts", "dall-e", "image", "moderation", "rerank", "audio", "realtime", "sora")


def examine(patient: Patient, note: Callable[[Step], None], *, connected: bool = False) -> None:
    """All steps, each told to ``note`` as it ends. ``connected``: a child of this process, without network steps."""
    doing: dict[str, Callable[[Patient], str]] = {
        "dns": resolve, "tcp": connect, "tls": secure, "auth": _show_key, "models": _list_models,
        "token": _ask_token, "stream": _ask_stream,
    }  # fmt: skip
    needed = {"dns", "tcp", "tls", "auth"}
    broken = ""
    for name in STEPS:
        if connected and name in ("dns", "tcp", "tls"):
            note(Step(name, "skipped", "it runs on this machine"))
            continue
        if broken:
            note(Step(name, "skipped", f"{broken} failed"))
            continue
        step = _scrubbed(_timed(name, doing[name], patient), patient)
        note(step)
        if step.state == "failed" and name in needed:
            broken = name


def _timed(name: str, do: Callable[[Patient], str], patient: Patient) -> Step:
    began = time.monotonic()
    state: Literal["ok", "failed", "skipped"] = "ok"
    fix = ""
    try:
        said = do(patient)
        if said.startswith("skipped: "):
            state, said = "skipped", said.removeprefix("skipped: ")
    except Ill as ill:
        state, said, fix = "failed", ill.said, ill.fix
    except TimeoutError:
        state, said, fix = "failed", "no answer in time", _slow(patient)
    except (OSError, http.client.HTTPException, ValueError) as error:
        state, said = "failed", f"{type(error).__name__}: {error}"
        fix = f"look at what listens at {place(patient)}; it does not speak HTTP as expected"
    return Step(name, state, said, fix, round((time.monotonic() - began) * 1000, 1))


def _scrubbed(step: Step, patient: Patient) -> Step:
    """Upstreams repeat keys in their errors: strike them out."""
    for secret in (*patient.config.keys, *patient.config.headers.values()):
        if secret and len(secret) > 3:
            step = replace(step, said=step.said.replace(secret, "***"), fix=step.fix.replace(secret, "***"))
    return step


def _request(patient: Patient, path: str, body: dict[str, Any] | None = None, key: int = 0) -> tuple[int, bytes, str]:
    """``(status, body, content type)``. ``key``: the number of the key to show."""
    shown = patient.config.keys[key] if patient.config.keys else None
    said = speech(patient.config.kind, patient.config.url, shown, dict(patient.config.headers))
    headers = {name.decode(): value.decode("latin-1") for name, value in (*said.defaults, *said.fields)}
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers["content-type"] = "application/json"
    connection = http.client.HTTPConnection(said.host)
    connection.sock = open_connection(patient)
    with contextlib.closing(connection):
        connection.sock.settimeout(patient.timeouts.first_token)
        connection.request("GET" if data is None else "POST", said.base_path + path, data, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(MOST_READ_BYTES), answer.headers.get_content_type()


def _show_key(patient: Patient) -> str:
    count = len(patient.config.keys)
    for key in range(max(1, count)):
        status, body, _ = _request(patient, "/models", key=key)
        _refuse_key(status, body, patient, f"key {key + 1} of {count}: " if count > 1 else "")
    if status == 200:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            patient.listed = [str(entry["id"]) for entry in json.loads(body)["data"]]
    if not count:
        return "none is configured, none is asked for"
    return "the key is accepted" if count == 1 else f"the {count} keys are accepted"


def _refuse_key(status: int, body: bytes, patient: Patient, which: str = "") -> None:
    if status not in (401, 403):
        return
    said = f"{which}{status}: {upstream_message(body) or 'no reason given'}"
    if not patient.config.keys:
        raise Ill(said, f"set upstreams.{patient.name}.api_key")
    raise Ill(said, f"it does not accept the key in {patient.key_from}: put a valid one there")


def _list_models(patient: Patient) -> str:
    if not patient.listed:
        return "skipped: it lists none"
    missing = [name for name in patient.wanted if not name.endswith("*") and name not in patient.listed]
    said = f"{len(patient.listed)}: {', '.join(patient.listed[:3])}{', …' if len(patient.listed) > 3 else ''}"
    return said + (f"; not among them: {', '.join(missing[:3])}" if missing else "")


def _model(patient: Patient) -> str:
    """The model to try: one that the config names, else one that the upstream lists."""
    for name in patient.wanted:
        if not name.endswith("*"):
            return name
    for listed in patient.listed:
        chats = not any(word in listed.lower() for word in _NOT_FOR_CHAT)
        if chats and any(listed.startswith(star[:-1]) for star in patient.wanted):
            return listed
    return ""


def _ask_token(patient: Patient) -> str:
    status, body, _ = _chat(patient, stream=False)
    if status == 0:
        return "skipped: no model in models leads to it"
    if not isinstance(json.loads(body), dict):
        raise Ill("its answer is not a JSON object", "is base_url right? It usually ends in /v1")
    return _model(patient)


def _ask_stream(patient: Patient) -> str:
    status, body, kind = _chat(patient, stream=True)
    if status == 0:
        return "skipped: no model in models leads to it"
    events = body.count(b"data:")
    if kind != "text/event-stream" or not events:
        raise Ill(
            f"it answered {kind} with {events} events to stream: true",
            "something between here and there holds streams back, or this server cannot stream",
        )
    return f"{events} events"


def _chat(patient: Patient, *, stream: bool) -> tuple[int, bytes, str]:
    """One token of an answer. Status 0: there is no model to ask."""
    model = _model(patient)
    if not model:
        return 0, b"", ""
    last: tuple[int, bytes, str] = (0, b"", "")
    for limit in _limits(patient):
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **limit, "stream": stream}
        path = "/messages" if patient.dialect == "anthropic" else "/chat/completions"
        last = _request(patient, path, body)
        if last[0] != 400 or b"max_tokens" not in last[1]:
            break
    status, answer, _ = last
    if status != 200:
        _refuse_key(status, answer, patient)
        raise Ill(f"{status}: {upstream_message(answer) or 'no reason given'}", _remedy(status, model, patient))
    return last


def _limits(patient: Patient) -> Iterator[dict[str, int]]:
    yield {"max_tokens": 1}
    if patient.dialect == "openai":  # newer models there know it under this name only, and think before they speak
        yield {"max_completion_tokens": 16}


def _remedy(status: int, model: str, patient: Patient) -> str:
    if status in (400, 404):
        near = difflib.get_close_matches(model, patient.listed, 2) or patient.listed[:3]
        has = f"; it has {', '.join(near)}" if near else "; and check base_url, which usually ends in /v1"
        return f'does it have "{model}"? Set upstream_model in models{has}'
    if status in (402, 429):
        return "look at the limits and the balance of its account"
    return "the upstream itself fails: look at its own log or status page"


def _slow(patient: Patient) -> str:
    return (
        f"is {place(patient)} overloaded or still loading? timeouts.first_token is {patient.timeouts.first_token:g} s"
    )
