"""The actor: runs a command on the node where Ray put it, and says where and how that is.

It travels to the node as it stands (nothing of Penstock need be there), so it imports the standard library alone, and
Ray, which has put it there. Two ends are certain: the command ends with the actor, whatever ends that, and the actor
ends when nobody has asked after it for ``linger`` seconds.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

TURN_SECONDS = 0.1
ASK_SECONDS = 2.0
LINES = 10

# Stands between the actor and the command: ends the command's whole group when its own standard input ends, which is
# when the actor ends, by whatever signal; should this one be killed itself, the kernel ends the command.
WATCH = """
import ctypes, os, select, signal, subprocess, sys
def bound():
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
child = subprocess.Popen(sys.argv[2:], start_new_session=True, stdin=subprocess.DEVNULL, preexec_fn=bound)
def send(number):
    try:
        os.killpg(child.pid, number)
    except OSError:
        pass
while child.poll() is None:
    if select.select([0], [], [], 0.1)[0] and not os.read(0, 64):
        send(signal.SIGTERM)
        try:
            child.wait(float(sys.argv[1]))
        except subprocess.TimeoutExpired:
            pass
        break
send(signal.SIGKILL)
sys.exit(child.wait() if child.returncode is None or child.returncode >= 0 else 128 - child.returncode)
"""


class Engine:
    """See the module. ``order``: the fields of an ``Order``, as plain values."""

    def __init__(self, order: Mapping[str, Any], host: str = "", exits: bool = True) -> None:
        if not host:
            ray: Any = importlib.import_module("ray")
            host = ray.util.get_node_ip_address()
        self._order = dict(order)
        self._host = host
        self._port = free_port(host)
        self._exits = exits
        self._state = "starting"
        self._trouble = ""
        self._took = 0.0
        self._heard = self._began = time.monotonic()
        self._stopping = threading.Event()
        self._said: deque[str] = deque(maxlen=LINES)
        self._watch = self._start()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def tell(self) -> dict[str, Any]:
        """How it is; and somebody has asked after it."""
        self._heard = time.monotonic()
        return {
            "name": self._order["name"], "state": self._state, "address": f"{self._host}:{self._port}",
            "asked": self._order["asked"], "took": self._took, "node": self._host, "trouble": self._trouble,
        }  # fmt: skip

    def stop(self) -> None:
        """End the command, and then this actor."""
        self._stopping.set()

    def _start(self) -> subprocess.Popen[str]:
        put = {"{port}": str(self._port), "{host}": self._host}
        words = list(self._order["command"])
        for mark, value in put.items():
            words = [word.replace(mark, value) for word in words]
        watch = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", WATCH, str(self._order["stop"]), *words],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True, errors="replace",
            env={**os.environ, **self._order["environment"]},
        )  # fmt: skip
        threading.Thread(target=self._listen, args=(watch,), daemon=True).start()
        return watch

    def _listen(self, watch: subprocess.Popen[str]) -> None:
        """What the command says on standard error goes to the actor's log; the last of it is told if it fails."""
        assert watch.stderr is not None
        with watch.stderr as errors:
            while line := errors.readline(4096):
                sys.stderr.write(line)
                self._said.append(line.rstrip()[:300])

    def _keep(self) -> None:
        while not self._stopping.wait(TURN_SECONDS):
            now = time.monotonic()
            if now - self._heard > self._order["linger"]:
                break
            if self._state == "failed":
                continue
            if self._watch.poll() is not None:
                time.sleep(TURN_SECONDS)  # its last words are on their way
                self._fail(f"the command ended with status {self._watch.returncode}")
            elif self._state == "starting":
                if self._answers():
                    self._state, self._took = "ready", time.time() - self._order["asked"]
                elif now - self._began > self._order["start"]:
                    self._fail(f"it was not ready within {self._order['start']:g} s")
                    self._end()
        self._end()
        if self._exits:
            os._exit(0)

    def _fail(self, why: str) -> None:
        said = next((line for line in reversed(self._said) if line.strip()), "")
        self._trouble = f"{why} on {self._host}" + (f"; it said: {said}" if said else "")
        self._state = "failed"

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=ASK_SECONDS)
        try:
            connection.request("GET", self._order["ready"])
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _end(self) -> None:
        """The watch sees its standard input end, and does the rest."""
        with contextlib.suppress(OSError):
            if self._watch.stdin is not None:
                self._watch.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._watch.wait(self._order["stop"] + 5.0)

    def __repr__(self) -> str:
        return f"<Engine {self._order['name']} {self._state} at {self._host}:{self._port}>"


def free_port(host: str) -> int:
    """One that nobody holds on ``host`` now. Should somebody be quicker, the command fails, and another is started."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as one:
        one.bind((host, 0))
        return int(one.getsockname()[1])
