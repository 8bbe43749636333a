"""Reading a secret: the signature, what is sent, and what goes wrong."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from penstock.process.aws_lambda.secret import SecretError, read, signed

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:penstock-AbCdEf"
ENVIRON = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI", "AWS_SESSION_TOKEN": "token"}


class Vault:
    """Answers every question with ``told``, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.told = 200, json.dumps({"SecretString": '{"A": "1"}'}).encode()
        self.heard: list[tuple[dict[str, str], bytes]] = []
        vault = self

        class Server(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                vault.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(vault.status)
                self.end_headers()
                self.wfile.write(vault.told)

            def log_message(self, *_: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Server)

    @property
    def environ(self) -> dict[str, str]:
        return {**ENVIRON, "AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://127.0.0.1:{self.server.server_port}"}


@pytest.fixture
def vault() -> Iterator[Vault]:
    made = Vault()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_the_signature_is_the_one_that_aws_own_library_makes() -> None:
    auth = pytest.importorskip("botocore.auth", reason="the extra aws is not installed")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url, body, stamp = "https://secretsmanager.eu-west-1.amazonaws.com/", b'{"SecretId": "x"}', "20261126T174500Z"
    ours = signed(url, body, "eu-west-1", ENVIRON, stamp)
    unsigned = {name: value for name, value in ours.items() if name != "authorization"}
    request = AWSRequest("POST", url, headers=unsigned, data=body)
    request.context["timestamp"] = stamp
    signer = auth.SigV4Auth(Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", "token"), "secretsmanager", "eu-west-1")
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    assert ours["authorization"].endswith(f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(request))}, "
                                          f"Signature={signature}")  # fmt: skip


def test_it_asks_for_the_secret_and_gives_its_members(vault: Vault) -> None:
    assert read(ARN, vault.environ) == {"A": "1"}
    ((fields, body),) = vault.heard
    assert fields["x-amz-target"] == "secretsmanager.GetSecretValue"
    assert fields["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert fields["x-amz-security-token"] == "token"
    assert json.loads(body) == {"SecretId": ARN}


@pytest.mark.parametrize("text", [None, "plain", "[]", '{"A": 1}'])
def test_a_secret_of_another_shape_is_refused_without_showing_it(vault: Vault, text: str | None) -> None:
    vault.told = json.dumps({"SecretString": text}).encode()
    with pytest.raises(SecretError, match="must be a JSON object of texts") as refused:
        read(ARN, vault.environ)
    assert "plain" not in str(refused.value)


def test_what_secrets_manager_says_is_told(vault: Vault) -> None:
    vault.status, vault.told = 400, b'{"__type": "AccessDeniedException"}'
    with pytest.raises(SecretError, match=r"answered 400: .*AccessDenied"):
        read(ARN, vault.environ)


def test_one_that_is_not_reached_says_what_a_vpc_needs() -> None:
    with pytest.raises(SecretError, match=r"cannot be reached .*endpoint"):
        read(ARN, {**ENVIRON, "AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://127.0.0.1:1"})


@pytest.mark.parametrize("arn", ["penstock", "arn:aws:s3:eu-west-1:1:x:y", "arn:aws:secretsmanager:a.b/:1:secret:x"])
def test_what_is_no_arn_of_a_secret_goes_nowhere(arn: str) -> None:
    with pytest.raises(SecretError, match="is not the ARN"):
        read(arn, ENVIRON)


def test_without_a_role_it_says_so() -> None:
    with pytest.raises(SecretError, match="AWS_ACCESS_KEY_ID"):
        read(ARN, {})
