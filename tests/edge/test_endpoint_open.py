"""Who is served while no key is asked for: a page in a browser must not get in under a name of its own."""

import pytest

from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.edge.generation import LocalRoute
from tests.support.door import answer, at_door
from tests.support.scripted import Door
from tests.support.sockets import Answer

CHAT = "/v1/chat/completions"


async def local(exchange: Exchange) -> Reply:
    return Reply(200, [], b"local")


HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", "gateway.local"})


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8400", "127.0.0.1:1", "[::1]", "[::1]:8400", "gateway.local"])
def test_open_it_answers_to_its_own_names(host: str) -> None:
    assert answer("POST", CHAT, [("Host", host)], b"{}", hosts=HOSTS).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.2", "[::2]:8400", "xlocalhost"])
def test_open_a_foreign_host_is_421(host: str) -> None:
    async def act(door: Door) -> Answer:
        got = await door.ask("POST", CHAT, [("Host", host)], b"{}")
        assert door.seen == []
        return got

    got = at_door(act, hosts=HOSTS)
    assert got.status == 421
    assert got.json()["error"]["code"] == "foreign_host"
    assert answer("POST", CHAT, [("Host", host)], b"{}", hosts=None).status == 200


@pytest.mark.parametrize("target", ["/health", "/nothing", CHAT])
def test_open_a_foreign_host_is_421_wherever_it_asks(target: str) -> None:
    routes = {"/health": LocalRoute(local, "public")}
    assert answer("GET", target, [("Host", "evil.example")], hosts=HOSTS, routes=routes).status == 421


def test_open_the_host_of_an_absolute_target_counts() -> None:
    assert answer("POST", f"http://evil.example{CHAT}", [("Host", "localhost")], b"{}", hosts=HOSTS).status == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:9999", "localhost:8400"])
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_open_a_page_of_another_origin_is_403(method: str, origin: str) -> None:
    body = b"{}" if method == "POST" else b""
    got = answer(method, CHAT, [("Host", "localhost:8400"), ("Origin", origin)], body, hosts=HOSTS)
    assert got.status == 403
    assert got.json()["error"]["code"] == "foreign_origin"


def test_open_our_own_page_and_a_configured_one_may_call() -> None:
    own = [("Host", "localhost:8400"), ("Origin", "http://localhost:8400")]
    assert answer("POST", CHAT, own, b"{}", hosts=HOSTS).status == 200
    page = [("Host", "localhost:8400"), ("Origin", "https://chat.example")]
    allowed = frozenset({"https://chat.example"})
    assert answer("POST", CHAT, page, b"{}", hosts=HOSTS, cors_origins=allowed).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_open_pictures_and_scripts_of_another_site_are_403_and_links_may_be_followed(site: str) -> None:
    routes = {"/admin/v1/live": LocalRoute(local, "public")}

    def status(*fields: tuple[str, str]) -> int:
        given = [("Host", "localhost:8400"), *fields]
        return answer("GET", "/admin/v1/live", given, hosts=HOSTS, routes=routes).status

    assert status(("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "no-cors")) == 403
    assert status(("Sec-Fetch-Site", site)) == 403
    assert status(("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "navigate")) == 200
    assert status(("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors")) == 200
    assert status(("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate")) == 200
    assert status() == 200


def test_open_a_second_origin_does_not_hide_the_first() -> None:
    fields = [("Host", "localhost:8400"), ("Origin", "https://evil.example"), ("Origin", "http://localhost:8400")]
    assert answer("POST", CHAT, fields, b"{}", hosts=HOSTS).status == 403
