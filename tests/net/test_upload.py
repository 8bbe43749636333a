import pytest

from penstock.core.errors import CallerError, Fail
from penstock.core.reply import Whole
from penstock.net.upload import Upload


class Link:
    def __init__(self) -> None:
        self.sent = b""
        self.ends: list[Fail | None] = []

    def upload(self, data: bytes) -> None:
        self.sent += data

    def uploaded(self, error: Fail | None) -> None:
        self.ends.append(error)


@pytest.mark.parametrize(
    ("chunked", "sent"), [(False, b"one" + b"2" * 17), (True, b"3\r\none\r\n11\r\n" + b"2" * 17 + b"\r\n0\r\n\r\n")]
)
def test_frames(chunked: bool, sent: bytes) -> None:
    link = Link()
    source = Whole(b"one", b"2" * 17)
    source.start(Upload(link, source, chunked=chunked))
    assert link.sent == sent
    assert link.ends == [None]


def test_a_body_that_breaks_off_is_not_ended_as_if_whole() -> None:
    link = Link()
    upload = Upload(link, Whole(), chunked=True)
    upload.push(b"half")
    error = CallerError("gone")
    upload.end(error)
    assert link.sent == b"4\r\nhalf\r\n"
    assert link.ends == [error]
