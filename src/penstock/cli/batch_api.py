"""The files and batches of a gateway, asked for over HTTP as any caller does.

Enters: a Caller. Leaves: plain values as the OpenAI API tells them. May fail: Failure, in words.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from typing import Any

from penstock.cli.caller import KEY_VARIABLE, Answer, Caller, Unreachable
from penstock.cli.failure import Failure

PIECE_BYTES = 256 * 1024


class BatchApi:
    """See the module."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def upload(self, path: str, name: str) -> str:
        """The id of the file made of the one at ``path``."""
        boundary = f"penstock-{secrets.token_hex(16)}"
        plain = name.replace('"', "").replace("\r", "").replace("\n", "")
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--{boundary}\r\n'
            f'Content-Disposition: form-data; name="file"; filename="{plain}"\r\n'
            "Content-Type: application/jsonl\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        size = os.path.getsize(path)

        def parts() -> Iterator[bytes]:
            yield head
            with open(path, "rb") as file:
                left = size
                while left and (piece := file.read(min(PIECE_BYTES, left))):
                    left -= len(piece)
                    yield piece
            yield tail

        kind = f"multipart/form-data; boundary={boundary}"
        try:
            answer = self._caller.send("/v1/files", parts(), len(head) + size + len(tail), kind)
        except Unreachable as error:
            raise Failure(str(error)) from None
        return str(self._told(answer)["id"])

    def create(self, file: str, endpoint: str, window: str) -> dict[str, Any]:
        """A job of that file."""
        wanted = {"input_file_id": file, "endpoint": endpoint, "completion_window": window}
        return self._ask("POST", "/v1/batches", json.dumps(wanted).encode())

    def job(self, id: str) -> dict[str, Any]:
        """How far it is."""
        return self._ask("GET", f"/v1/batches/{id}")

    def cancel(self, id: str) -> dict[str, Any]:
        """Stop it."""
        return self._ask("POST", f"/v1/batches/{id}/cancel", b"")

    def jobs(self, limit: int) -> list[dict[str, Any]]:
        """The newest."""
        found: list[dict[str, Any]] = self._ask("GET", f"/v1/batches?limit={limit}")["data"]
        return found

    def download(self, file: str, path: str) -> None:
        """Write a file to ``path``: whole, or not at all."""
        beside = f"{path}.part"
        try:
            with open(beside, "wb") as to:
                answer = self._caller.fetch(f"/v1/files/{file}/content", to)
            if answer.status != 200:
                self._told(answer)
            os.replace(beside, path)
        except (OSError, Unreachable) as error:
            raise Failure(f"{path} cannot be written: {error}") from None
        finally:
            if os.path.exists(beside):
                os.unlink(beside)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        try:
            return self._told(self._caller.ask(method, path, body))
        except Unreachable as error:
            raise Failure(str(error)) from None

    def _told(self, answer: Answer) -> dict[str, Any]:
        if answer.status == 401 and not self._caller.has_key:
            raise Failure(f"the gateway wants a key: give it with --key, or in ${KEY_VARIABLE}")
        value = answer.value
        if answer.status != 200 or not isinstance(value, dict):
            raise Failure(f"the gateway refuses, {answer.said}")
        return value
