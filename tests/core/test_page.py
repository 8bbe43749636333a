from html.parser import HTMLParser

from penstock.core.page import document, escaped


class Seen(HTMLParser):
    """The tags of a page, and its policy."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.policy = ""
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        if named.get("http-equiv") == "Content-Security-Policy":
            self.policy = named["content"] or ""

    def handle_data(self, data: str) -> None:
        self.text += data


EVIL = "</title></style><script>alert(1)</script>\"' onload=x &lt; \x1b[2J\u202e\x00"


def test_what_others_wrote_is_text() -> None:
    seen = Seen(document(EVIL, "b{color:red}", f'<p title="{escaped(EVIL)}">{escaped(EVIL)}</p>'))
    assert seen.tags == ["html", "meta", "meta", "meta", "title", "style", "p"]
    assert seen.text.count("<script>alert(1)</script>") == 2


def test_signs_that_cannot_be_seen_are_spaces() -> None:
    assert all(sign.isprintable() for sign in escaped(EVIL))
    assert escaped(3) == "3"


def test_nothing_may_run_or_be_fetched() -> None:
    page = document("t", "", "")
    assert Seen(page).policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "prefers-color-scheme:dark" in page
    assert "http://" not in page
    assert "https://" not in page
