"""All files of the app: those that are the same for everybody, and those that say what this one is. Pure but for
reading the package's own files.

Enters: terms, and the baked config. Leaves: contents by the path in the app's folder.
"""

from __future__ import annotations

from pathlib import Path

from penstock.deploy.aws.image import Baked
from penstock.deploy.aws.settings import Terms, settings

APP = Path(__file__).with_name("app")
EXECUTABLE = ("image/serve.sh", "image/collector.py")
_OURS = (".py", ".md", ".json", ".txt", ".sh", ".yaml", "Dockerfile")


def files(terms: Terms, baked: Baked, requirement: str) -> dict[str, bytes]:
    """Everything. ``requirement``: what pip installs in the image."""
    found = {
        path.relative_to(APP).as_posix(): path.read_bytes()
        for path in sorted(APP.rglob("*"))
        if path.is_file() and path.name.endswith(_OURS) and "__pycache__" not in path.parts
    }
    found["settings.toml"] = settings(terms).encode()
    found["image/penstock.yaml"] = baked.text.encode()
    found["image/requirements.txt"] = f"{requirement}\n".encode()
    found["image/wheels/README"] = b"Wheels of your own build go here; pip looks here, too.\n"
    found["image/files/README"] = b"Files that penstock.yaml names.\n"
    for name, data in baked.files.items():
        found[f"image/files/{name}"] = data
    found[".gitignore"] = b"cdk.out/\n__pycache__/\n"
    return found
