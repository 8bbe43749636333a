import ssl

import pytest
import trustme

from tests.net.loop.secured import Contexts


@pytest.fixture(scope="module")
def contexts() -> Contexts:
    """Of a server, and of a client that trusts it."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client
