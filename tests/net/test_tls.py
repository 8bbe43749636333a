import os
import ssl
from pathlib import Path

import pytest
import trustme

from penstock.net.tls import ClientContexts, client_context, server_context


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    ca = trustme.CA()
    cert = ca.issue_cert("localhost")
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    cert.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    cert.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    cert.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    return {path.stem: str(path) for path in tmp_path.iterdir()}


def shake(
    server: ssl.SSLContext, client: ssl.SSLContext, name: str = "localhost"
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """A handshake in memory."""
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(a, b, server_hostname=name)
    theirs = server.wrap_bio(b, a, server_side=True)
    for _ in range(4):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ours, theirs


def test_both_sides_meet(files: dict[str, str]) -> None:
    ours, theirs = shake(server_context(files["cert"], files["key"]), client_context(files["ca"]))
    assert ours.selected_alpn_protocol() == theirs.selected_alpn_protocol() == "http/1.1"
    assert ours.version() == "TLSv1.3"


def test_neither_side_speaks_old_versions(files: dict[str, str]) -> None:
    assert server_context(files["cert"], files["key"]).minimum_version == ssl.TLSVersion.TLSv1_2
    assert client_context().minimum_version == ssl.TLSVersion.TLSv1_2


def test_roots(files: dict[str, str]) -> None:
    server = server_context(files["cert"], files["key"])
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(server, client_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(server, client_context(files["ca"]), "other.example")
    ours, _ = shake(server, client_context(verify=False), "other.example")
    assert ours.version() is not None


def test_a_client_certificate(files: dict[str, str]) -> None:
    server = server_context(files["cert"], files["key"])
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(files["ca"])
    _, theirs = shake(server, client_context(files["ca"], files["both"]))
    assert theirs.getpeercert()


def test_files_that_do_not_fit(files: dict[str, str]) -> None:
    with pytest.raises(ssl.SSLError):
        server_context(files["cert"], files["cert"])
    with pytest.raises(OSError, match="No such file"):
        server_context("/nowhere", files["key"])
    with pytest.raises(ssl.SSLError):
        client_context(files["ca"], files["cert"])


def test_contexts_are_shared_while_they_are_used_and_their_files_are_the_same(files: dict[str, str]) -> None:
    contexts = ClientContexts()
    one = contexts.get(files["ca"], None, verify=True)
    assert contexts.get(files["ca"], None, verify=True) is one
    others = [contexts.get(None, None, verify=True), contexts.get(files["ca"], None, verify=False)]
    others.append(contexts.get(files["ca"], files["both"], verify=True))
    assert len({id(context) for context in (one, *others)}) == 4
    os.utime(files["ca"], (1, 1))  # a renewed file is read again
    assert contexts.get(files["ca"], None, verify=True) is not one
    with pytest.raises(OSError, match="No such file"):
        contexts.get("/nowhere", None, verify=True)
    del one, others
    assert repr(contexts) == "<ClientContexts 0 in use>"
