"""Plays Ray for the process that would import it: one node, actors in this process, their commands for real.

The folder ``$FAKE_RAY`` says what goes wrong: ``init`` holds what joining raises, ``room`` how many have a place,
``dead-<id>`` that an actor's process died, ``hang`` that nothing is answered, ``crash`` that the process ends.
"""

import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

__version__ = "9.9.9"
_FOLDER = Path(os.environ["FAKE_RAY"])
_ACTORS: dict[str, "_Handle"] = {}


class RayActorError(Exception):
    pass


exceptions = SimpleNamespace(RayActorError=RayActorError)
cloudpickle = SimpleNamespace(register_pickle_by_value=lambda module: None)


def _says(name: str) -> str | None:
    path = _FOLDER / name
    return path.read_text() if path.exists() else None


def init(**given: Any) -> None:
    print("noise that Ray prints")
    (_FOLDER / "joined").write_text(f"{given['address']} {given['namespace']}")
    if (wrong := _says("init")) is not None:
        raise RuntimeError(wrong)


def nodes() -> list[dict[str, Any]]:
    return [{"Alive": True}, {"Alive": True}, {"Alive": False}]


def available_resources() -> dict[str, float]:
    return {"CPU": 3.0}


class _Handle:
    def __init__(self, kind: type, order: dict[str, Any], options: dict[str, Any]) -> None:
        self.name, self.order, self.kind, self.made, self.options = options["name"], order, kind, None, options

    def place(self) -> Any:
        if self.made is None and len([one for one in _ACTORS.values() if one.made]) < int(_says("room") or 99):
            self.made = self.kind(self.order, "127.0.0.1", False)
        return self.made

    def __getattr__(self, name: str) -> Any:
        return SimpleNamespace(remote=lambda: _Ref(self, name).sent())


class _Ref:
    def __init__(self, handle: _Handle, method: str) -> None:
        self.handle, self.method = handle, method

    def sent(self) -> "_Ref":
        if self.method == "stop" and self.handle.made:
            self.handle.made.stop()
            self.handle.made._thread.join(20)
            _ACTORS.pop(self.handle.name, None)
        return self


def remote(kind: type) -> Any:
    def options(**given: Any) -> Any:
        def make(order: dict[str, Any]) -> _Handle:
            handle = _ACTORS[given["name"]] = _Handle(kind, order, given)
            return handle

        return SimpleNamespace(remote=make)

    return SimpleNamespace(options=options)


def get_actor(name: str, namespace: str) -> _Handle:
    if name not in _ACTORS:
        raise ValueError("no such actor")
    return _ACTORS[name]


def wait(refs: list[_Ref], num_returns: int, timeout: float) -> tuple[list[_Ref], list[_Ref]]:
    if _says("crash") is not None:
        sys.stderr.write("*** SIGSEGV received\n")
        os._exit(139)
    while _says("hang") is not None:
        time.sleep(0.05)
    came = [ref for ref in refs if _dead(ref) or ref.handle.place() is not None]
    return came, [ref for ref in refs if ref not in came]


def _dead(ref: _Ref) -> bool:
    return _says("dead-" + ref.handle.name.partition("/")[2]) is not None


def get(ref: _Ref) -> Any:
    if _dead(ref):
        raise RayActorError("The actor died because its node has died.")
    return getattr(ref.handle.made, ref.method)()


def kill(handle: _Handle, no_restart: bool) -> None:
    _ACTORS.pop(handle.name, None)
    if handle.made is not None:
        handle.made.stop()


util = SimpleNamespace(
    list_named_actors=lambda all_namespaces: [{"name": name, "namespace": "penstock"} for name in _ACTORS],
)
