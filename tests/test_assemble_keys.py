from penstock.assemble_keys import key_store
from penstock.config import Config


def test_the_configured_file_or_the_usual_one() -> None:
    assert key_store(Config.parse("auth: {key_file: /k/keys.json}", "c.yaml", {}), {}).path == "/k/keys.json"
    assert key_store(Config.parse("", "c.yaml", {}), {"HOME": "/h"}).path == "/h/.config/penstock/keys.json"
