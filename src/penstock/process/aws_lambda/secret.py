"""One secret of AWS Secrets Manager, read as the sandbox starts.

Enters: its ARN, the credentials of the function's role. Leaves: names and values. May fail: SecretError, naming the
secret and never a value. Source of the signature: AWS, "Signature Version 4". It is written out here because botocore
takes 0.4 s to import, more than all else that happens before the first answer.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

SERVICE = "secretsmanager"
READ_SECONDS = 5.0
LARGEST = 256 * 1024
TYPE = "application/x-amz-json-1.1"
TARGET = "secretsmanager.GetSecretValue"


class SecretError(Exception):
    """The secret cannot be had."""


def read(arn: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The members of the JSON object that is the secret. Raises SecretError."""
    parts = arn.split(":")
    if len(parts) != 7 or parts[2] != SERVICE or not parts[3].replace("-", "").isalnum():
        raise SecretError(f"PENSTOCK_SECRET: {arn[:200]} is not the ARN of a secret")
    url = environ.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or _endpoint(parts[3])
    body = json.dumps({"SecretId": arn}).encode()
    fields = signed(url, body, parts[3], environ, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, fields), timeout=READ_SECONDS) as told:
            answer = json.loads(told.read(LARGEST))
    except urllib.error.HTTPError as error:
        why = error.read(2000).decode(errors="replace")
        raise SecretError(f"{arn}: Secrets Manager answered {error.code}: {why}") from None
    except (OSError, ValueError) as error:
        raise SecretError(f"{arn}: Secrets Manager cannot be reached ({error}); a VPC needs its endpoint") from None
    return _members(arn, answer.get("SecretString"))


def _endpoint(region: str) -> str:
    return f"https://{SERVICE}.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}/"


def _members(arn: str, text: object) -> dict[str, str]:
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise SecretError(f"{arn}: the secret must be a JSON object of texts, by the names of the variables")
    return found


def signed(url: str, body: bytes, region: str, environ: Mapping[str, str], stamp: str) -> dict[str, str]:
    """The fields of a POST of ``body``, signed at ``stamp`` (``20261126T174500Z``). Raises SecretError."""
    try:
        key, secret = environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
    except KeyError as error:
        raise SecretError(f"the environment has no {error.args[0]}: is this a Lambda sandbox?") from None
    fields = {"content-type": TYPE, "host": urlsplit(url).netloc, "x-amz-date": stamp, "x-amz-target": TARGET}
    if token := environ.get("AWS_SESSION_TOKEN"):
        fields["x-amz-security-token"] = token
    names = ";".join(sorted(fields))
    lines = "".join(f"{name}:{fields[name]}\n" for name in sorted(fields))
    request = f"POST\n{urlsplit(url).path or '/'}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{stamp[:8]}/{region}/{SERVICE}/aws4_request"
    signing = f"AWS4{secret}".encode()
    for step in scope.split("/"):
        signing = hmac.digest(signing, step.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(signing, text.encode(), "sha256").hex()
    credential = f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**fields, "authorization": credential}
