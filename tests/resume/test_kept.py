import pytest

from penstock.core.errors import CallerError, UpstreamError
from penstock.core.reply import Whole
from penstock.resume.kept import Kept
from tests.support.keeping import Client, Shelf, client, events
from tests.support.scripted import Puppet


def running(shelf: Shelf, most: int = 100_000) -> tuple[Puppet, Kept, Client]:
    puppet = Puppet()
    kept, reader = shelf.begin(puppet, most)
    return puppet, kept, client(reader)


def test_events_are_numbered_and_comments_pass() -> None:
    shelf = Shelf()
    puppet, kept, got = running(shelf)
    puppet.push(b"data: a\n\n: note\n\ndata: b\n\n")
    puppet.push(b": ping\n\n")
    puppet.end()
    assert got.raw == b"data: a\nid: 1\n\n: note\ndata: b\nid: 2\n\n: ping\n"
    assert got.ends == shelf.overs == [None]
    assert kept.last == 2


def test_a_reader_that_leaves_does_not_end_the_stream() -> None:
    shelf = Shelf()
    puppet = Puppet()
    kept, reader = shelf.begin(puppet)
    first = client(reader)
    puppet.push(b"data: 1\n\n")
    reader.cancel("gone")
    puppet.push(b"data: 2\n\n")
    assert puppet.calls == ["start"]
    second = client(kept.reader(first.last), first.last)
    puppet.push(b"data: 3\n\n")
    puppet.end()
    assert (first.data, second.data) == ([b"1"], [b"2", b"3"])
    assert (first.ends, second.ends) == ([], [None])


def test_a_reader_of_a_finished_stream_gets_the_rest_at_once() -> None:
    shelf = Shelf()
    kept, reader = shelf.begin(Whole(*events(1, 9)))
    client(reader)
    late = client(kept.reader(6), 6)
    assert (late.data, late.ends) == ([b"7", b"8", b"9"], [None])
    assert client(kept.reader(9), 9).ends == [None]


def test_an_error_is_told_to_every_reader() -> None:
    shelf = Shelf()
    puppet, kept, got = running(shelf)
    cut = UpstreamError("cut")
    puppet.push(b"data: 1\n\n")
    puppet.end(cut)
    late = client(kept.reader(0))
    assert (got.ends, late.ends, late.data, shelf.overs) == ([cut], [cut], [b"1"], [cut])


def test_there_is_one_reader_and_the_newest_wins() -> None:
    shelf = Shelf()
    puppet, kept, old = running(shelf)
    puppet.push(b"data: 1\n\n")
    new = client(kept.reader(0))
    puppet.push(b"data: 2\n\n")
    (error,) = old.ends
    assert error is not None
    assert (error.status, error.code) == (409, "resumed_elsewhere")
    assert (old.data, new.data) == ([b"1"], [b"1", b"2"])


def test_an_event_that_was_never_given_is_not_known() -> None:
    shelf = Shelf()
    puppet, kept, _ = running(shelf)
    puppet.push(b"data: 1\n\n")
    with pytest.raises(CallerError) as refused:
        kept.reader(2)
    assert refused.value.status == 400


# ---- bounds


def test_what_was_read_is_forgotten_beyond_half_the_bound() -> None:
    shelf = Shelf()
    puppet, kept, got = running(shelf, most=1000)
    for frame in events(1, 100, 50):
        puppet.push(frame)
    assert len(got.data) == 100
    assert "pause" not in puppet.calls
    assert 500 <= kept.bytes == shelf.account.held <= 600
    with pytest.raises(CallerError) as gone:
        kept.reader(1)
    assert (gone.value.status, gone.value.code) == (410, "resume_gone")
    assert len(client(kept.reader(95), 95).data) == 5


def test_what_nobody_has_read_pauses_the_upstream_and_is_never_forgotten() -> None:
    shelf = Shelf()
    puppet = Puppet()
    kept, reader = shelf.begin(puppet, most=1000)
    client(reader)
    reader.cancel("gone")
    sent = 0
    while "pause" not in puppet.calls:
        sent += 1
        puppet.push(b"data: " + b"x" * 50 + b"\n\n")
    assert 1000 <= kept.bytes < 1100
    back = client(kept.reader(0))
    assert len(back.data) == sent
    assert puppet.calls[-1] == "resume"


def test_a_reader_that_is_slow_pauses_the_upstream() -> None:
    shelf = Shelf()
    puppet = Puppet()
    _, reader = shelf.begin(puppet, most=1000)
    got = client(reader)
    reader.pause()
    while "pause" not in puppet.calls:
        puppet.push(b"data: " + b"x" * 50 + b"\n\n")
    assert got.data == []
    reader.resume()
    assert len(got.data) >= 8
    assert puppet.calls[-1] == "resume"


def test_a_full_account_ends_a_stream_that_nobody_reads_with_an_error() -> None:
    shelf = Shelf(room=200)
    puppet = Puppet()
    kept, reader = shelf.begin(puppet)
    client(reader)
    reader.cancel("gone")
    for frame in events(1, 10, 50):
        if puppet.sink is not None:
            puppet.push(frame)
    assert puppet.calls[-1] == "cancel"
    assert shelf.account.held == 0
    with pytest.raises(Exception, match=r"resume\.total_bytes"):
        kept.reader(0)


def test_a_full_account_forgets_what_a_reader_has_before_it_ends_anything() -> None:
    shelf = Shelf(room=200)
    puppet, _, got = running(shelf)
    for frame in events(1, 50, 50):
        puppet.push(frame)
    puppet.end()
    assert len(got.data) == 50
    assert got.ends == [None]


# ---- time


def test_nobody_coming_back_ends_it_after_the_window() -> None:
    shelf = Shelf()
    puppet = Puppet()
    kept, reader = shelf.begin(puppet)
    client(reader)
    puppet.push(b"data: 1\n\n")
    shelf.pass_time(100)
    assert puppet.calls == ["start"]  # while it is read, there is no window
    reader.cancel("gone")
    shelf.pass_time(59)
    assert shelf.forgotten == []
    shelf.pass_time(2)
    assert shelf.forgotten == [kept]
    assert puppet.calls == ["start", "cancel"]
    assert shelf.account.held == 0
    assert [error.status for error in shelf.overs if error] == [499]


def test_a_finished_stream_is_forgotten_after_the_window() -> None:
    shelf = Shelf()
    kept, reader = shelf.begin(Whole(*events(1, 3)))
    client(reader)
    shelf.pass_time(59)
    client(kept.reader(0))
    shelf.pass_time(59)
    assert (shelf.forgotten, shelf.overs) == ([], [None])
    shelf.pass_time(2)
    assert (shelf.forgotten, shelf.overs) == ([kept], [None])
    assert shelf.account.held == 0


def test_the_deadline_holds_for_a_stream_that_is_read() -> None:
    shelf = Shelf()
    puppet, _, got = running(shelf)
    shelf.pass_time(601)
    (error,) = got.ends
    assert error is not None
    assert (error.status, error.code) == (504, "deadline")
    assert puppet.calls == ["start", "cancel"]


def test_a_stream_that_is_discarded_tells_its_reader() -> None:
    shelf = Shelf()
    puppet, kept, got = running(shelf)
    kept.discard("ended by its caller")
    assert [error.status for error in got.ends if error] == [409]
    assert puppet.calls == ["start", "cancel"]
    assert shelf.forgotten == [kept]
