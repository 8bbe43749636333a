import os
import signal
import termios

import pytest

from penstock.cli.screen import ENTER, LEAVE, Screen
from tests.support.terminal import terminal


def test_it_draws_on_another_screen_and_leaves_all_as_it_was() -> None:
    with terminal(60, 20) as outer:
        with Screen(outer.inner, outer.inner) as screen:
            outer.expect(ENTER)
            assert screen.size == (60, 20)
            assert outer.settings != outer.before
            screen.draw(["one", "two"])
            drawn = outer.expect("\x1b[J")
            assert drawn.replace("\r", "") == "\x1b[Hone\x1b[K\ntwo\x1b[K"
            assert "Screen" in repr(screen)
        outer.expect(LEAVE)
        assert outer.settings == outer.before


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_whatever_happens(error: type[BaseException]) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    with terminal() as outer:
        with pytest.raises(error), Screen(outer.inner, outer.inner):
            raise error
        outer.expect(LEAVE)
        assert outer.settings == outer.before
    assert signal.getsignal(signal.SIGTERM) is handler


def test_single_keys_without_return() -> None:
    with terminal() as outer, Screen(outer.inner, outer.inner) as screen:
        outer.press("sq")
        assert [screen.keys(5.0), screen.keys(5.0)] == ["s", "q"]
        assert screen.keys(0.01) == ""


def test_another_size_wakes_it() -> None:
    with terminal(80, 24) as outer, Screen(outer.inner, outer.inner) as screen:
        outer.resize(100, 30)
        os.kill(os.getpid(), signal.SIGWINCH)  # this process does not live in that terminal
        assert screen.key(20.0) == ""
        assert screen.size == (100, 30)


def _killed(screen: Screen) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    screen.key(20.0)


def test_a_polite_kill_leaves_as_well() -> None:
    with terminal() as outer:
        with Screen(outer.inner, outer.inner) as screen, pytest.raises(KeyboardInterrupt):
            _killed(screen)
        outer.expect(LEAVE)
        assert outer.settings == outer.before


def test_what_is_no_terminal_is_told_at_once() -> None:
    with open(os.devnull, "r+b", buffering=0) as file, pytest.raises(termios.error):
        Screen(file.fileno(), file.fileno()).__enter__()
