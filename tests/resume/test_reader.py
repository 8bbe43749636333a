from hypothesis import given
from hypothesis import strategies as st

from penstock.core.reply import Whole
from penstock.resume.reader import FRAME_BYTES
from tests.support.keeping import Client, Shelf, client, events
from tests.support.scripted import Puppet


@given(st.data())
def test_cut_anywhere_any_number_of_times_nothing_is_lost_and_nothing_comes_twice(data: st.DataObject) -> None:
    """The client loses its connection at any byte; what had not arrived whole does not count for it."""
    shelf = Shelf()
    puppet = Puppet()
    kept, reader = shelf.begin(puppet, most=2000)
    count = data.draw(st.integers(1, 150))
    waiting = events(1, count, 20)
    arrived = b""
    connection = client(reader)
    for _ in range(data.draw(st.integers(0, 200))):
        act = data.draw(st.sampled_from(["push", "cut", "pause", "resume"]))
        if act == "push" and waiting and puppet.calls[-1] != "pause":
            taken = [waiting.pop(0) for _ in range(min(len(waiting), data.draw(st.integers(1, 4))))]
            puppet.push(b"".join(taken))
        elif act == "cut":
            reader.cancel("cut")
            sent = len(connection.raw)
            upto = data.draw(st.integers(max(0, sent - 900), sent))  # what a kernel holds is bounded, too
            whole, end, _ = connection.raw[:upto].rpartition(b"\n\n")
            arrived += whole + end
            last = arrived.count(b"\n\n")
            reader = kept.reader(last)
            connection = client(reader, last)
        elif act == "pause":
            reader.pause()
        else:
            reader.resume()
    reader.resume()
    count -= len(waiting)
    puppet.end()
    assert connection.ends == [None]
    plain = [b"data: %d%b\nid: %d\n\n" % (number, b"." * 19, number) for number in range(1, count + 1)]
    assert arrived + connection.raw == b"".join(plain)


def test_what_waits_comes_in_few_frames() -> None:
    frames: list[bytes] = []

    class Counting(Client):
        def push(self, frame: bytes) -> None:
            frames.append(frame)
            super().push(frame)

    shelf = Shelf()
    kept, reader = shelf.begin(Whole(*events(1, 1000, 100)), most=10_000_000)
    client(reader)
    late = Counting()
    kept.reader(0).start(late)
    assert len(late.data) == 1000
    assert len(frames) <= 1 + len(late.raw) // FRAME_BYTES
    assert max(map(len, frames)) < FRAME_BYTES + 200


def test_a_reader_dismissed_before_it_began_is_told_when_it_begins() -> None:
    shelf = Shelf()
    kept, first = shelf.begin(Puppet())
    kept.reader(0)
    assert [error.status for error in client(first).ends if error] == [409]
