"""The CDK app: stacks by what settings.toml asks for. Run by ``cdk synth``, ``cdk diff`` and ``cdk deploy``."""

from pathlib import Path

import aws_cdk as cdk
from stacks.base import Base
from stacks.function import Function
from stacks.service import Service
from stacks.settings import load

FOLDER = Path(__file__).resolve().parent


def build(folder: Path = FOLDER) -> cdk.App:
    """All stacks. Raises ValueError for settings that do not go together."""
    app = cdk.App(analytics_reporting=False)
    settings = load(folder / "settings.toml")
    cdk.Tags.of(app).add("penstock", settings.name)
    base = Base(app, settings)
    image = str(folder / "image")
    if settings.function is not None:
        Function(app, settings, base, image)
    if settings.service is not None:
        Service(app, settings, base, image)
    return app


if __name__ == "__main__":
    build().synth()
