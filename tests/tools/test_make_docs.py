import pytest

from penstock.config import Config
from penstock.core.shapes import fields_of

from make_docs import TARGET, document, main, sections


def test_the_page_is_in_step_with_the_code() -> None:
    assert TARGET.read_text(encoding="utf-8") == document(), "run tools/make_docs.py"


def test_check_tells(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert "in step" in capsys.readouterr().out


def test_every_key_is_described() -> None:
    text = document()
    for key in Config.parse("", "c.yaml", {}).dump():
        assert f"\n## `{key}`\n" in text
    undescribed = [
        f"{key}.{name}"
        for key, struct, _ in sections()
        if struct is not None
        for name, field in fields_of(struct).items()
        if not field.shape.description
    ]
    assert undescribed == []


def test_the_example_on_the_page_is_valid() -> None:
    example = document().partition("```yaml\n")[2].partition("```")[0]
    config = Config.parse(example, "example.yaml", {"OPENAI_API_KEY": "sk-1"})
    assert config.warnings == []
