"""The files of the app."""

from penstock.deploy.aws.files import EXECUTABLE, files
from penstock.deploy.aws.image import Baked
from penstock.deploy.aws.settings import Terms
from penstock.scaling.steps import BANDS


def test_the_whole_app_is_there() -> None:
    made = files(Terms(BANDS), Baked("store: memory\n", [], {"0-ca.pem": b"x"}), "penstock[redis]==1.2.3")
    assert {"app.py", "cdk.json", "requirements.txt", "README.md", "settings.toml", "stacks/function.py"} <= made.keys()
    assert made["image/penstock.yaml"] == b"store: memory\n"
    assert made["image/requirements.txt"] == b"penstock[redis]==1.2.3\n"
    assert made["image/files/0-ca.pem"] == b"x"
    assert set(EXECUTABLE) <= made.keys()
    assert not [name for name in made if "__pycache__" in name]


def test_the_dockerfile_copies_only_what_is_there() -> None:
    made = files(Terms(BANDS), Baked("", []), "penstock")
    for line in made["image/Dockerfile"].decode().splitlines():
        words = line.split()
        if line.startswith("COPY") and not any(word.startswith("--from") for word in words):
            (name,) = [word for word in words[1:-1] if not word.startswith("--")]
            assert any(one.startswith(f"image/{name}") for one in made), line
