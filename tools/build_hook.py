"""What a wheel carries beside the source when it is asked to: the hot path compiled, for the Python that builds.

Enters: hatchling's build with ``HATCH_BUILD_HOOK_ENABLE_CUSTOM=1``; without, it is pure, and this file not read.
Leaves: a wheel of this platform, or the pure one where ``tools/compile.py`` has an obstacle; it says which and why. An
isolated build brings what compiling wants. Fails where mypyc or the compiler refuses a file.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.append(str(Path(__file__).parent))
import compile as compiling

TOOLS = ("setuptools", "types-PyYAML")
"""What mypy and mypyc want beside what Penstock runs on."""


class CompiledFiles(BuildHookInterface[BuilderConfig]):
    """Adds the compiled files to a wheel; what is installed in place stays the source."""

    def dependencies(self) -> list[str]:
        if compiling.pure():
            return []
        return [f"mypy=={compiling.pinned('mypy')}", *TOOLS, *self.metadata.core.dependencies]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        if why := compiling.obstacle():
            self._say(f"a pure wheel, which runs everywhere: {why}")
            return
        try:
            compiling.make()
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"what must be compiled cannot; {compiling.PURE}=1 builds without it") from error
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        for path in compiling.built():
            build_data["force_include"][str(compiling.TARGET / path)] = str(path)
        self._say(f"a wheel of this platform with {len(compiling.HOT)} files compiled")

    def _say(self, words: str) -> None:
        print(f"penstock: {words}", file=sys.stderr, flush=True)
