import subprocess
import sys
from pathlib import Path

import penstock


def test_it_runs_as_a_module() -> None:
    """The same command line as the installed script."""
    folder = Path(penstock.__path__[0]).parent
    done = subprocess.run(
        [sys.executable, "-m", "penstock", "--version"], capture_output=True, text=True, cwd=folder, check=True
    )
    assert done.stdout.removesuffix("\n").removesuffix(" (compiled)") == f"penstock {penstock.__version__}"
