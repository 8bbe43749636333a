"""One reader, as its caller sees it. What every source has to keep is in tests/core/conformance.py."""

from penstock.core.errors import CallerError
from penstock.core.reply import Whole
from tests.coalesce.test_flight import events, streaming
from tests.support.flights import Caller, Hall, asking
from tests.support.scripted import Puppet


def reader_of(caller: Caller) -> object:
    assert caller.reply is not None
    return caller.reply.body


def test_it_says_how_it_is() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        caller = hall.ask(stream=True)
        puppet.push(b"data: 1\n\n")
        reader = reader_of(caller)
        assert repr(reader) == "<Reader req_key-1 flows at 1>"
        caller.pause()
        assert repr(reader) == "<Reader req_key-1 paused at 1>"
        caller.leave()

    streaming(act)


def test_a_pause_inside_a_frame_holds_the_next_and_the_end() -> None:
    class Full(Caller):
        def push(self, frame: bytes) -> None:
            super().push(frame)
            self.pause()

    async def act(hall: Hall, puppet: Puppet) -> None:
        first = hall.ask(stream=True)
        late = Full(asking(stream=True))
        for frame in events(1, 3):
            puppet.push(frame)
        (flight,) = hall.stage._flights.values()
        reader = flight.join(late.exchange)
        assert reader is not None
        late.reply = reader.answer.result()
        reader.start(late)
        reader.start(late)
        puppet.push(b"data: 4\n\n")
        puppet.end()
        assert (late.frames, late.ends) == ([b"".join(events(1, 3))], [])
        late.resume()
        assert late.frames[1:] == [b"data: 4\n\n"]
        assert late.ends == []
        late.resume()
        assert (late.got, late.ends) == (first.got, [None])

    streaming(act)


def test_what_befalls_one_that_has_not_started_is_known_when_it_does() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        hall.ask(stream=True)
        (flight,) = hall.stage._flights.values()
        for own in (None, Whole(b"data: own\n\n")):
            exchange = asking(stream=True)
            reader = flight.join(exchange)
            assert reader is not None
            flight.leave(reader)
            late = Caller(exchange)
            if own is None:
                reader.cut(CallerError("slow"))
                reader.start(late)
                reader.start(late)
                assert [error.message for error in late.ends if error] == ["slow"]
            else:
                reader.pause()
                reader.go_alone(own)
                reader.start(late)
                assert late.frames == []
                reader.resume()
                assert (late.got, late.ends) == (b"data: own\n\n", [None])
        puppet.end()

    streaming(act)
