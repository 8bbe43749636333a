import json

import pytest
from anthropic.types import ModelInfo
from openai.types import Model

from penstock.wire.openai_models import model_object, models_list

IDS = ["echo", "org/name", "é"]


def test_openai_list():
    body = json.loads(models_list(IDS, 7, "openai"))
    assert body["object"] == "list"
    assert body["data"][1] == {"id": "org/name", "object": "model", "created": 7, "owned_by": "penstock"}
    assert [Model.model_validate(item, strict=True).id for item in body["data"]] == IDS


def test_anthropic_list():
    body = json.loads(models_list(IDS, 1_700_000_000, "anthropic"))
    assert (body["has_more"], body["first_id"], body["last_id"]) == (False, "echo", "é")
    assert body["data"][0] == {
        "type": "model",
        "id": "echo",
        "display_name": "echo",
        "created_at": "2023-11-14T22:13:20Z",
        "lifecycle": "active",
    }
    assert [ModelInfo.model_validate(item).id for item in body["data"]] == IDS


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_an_empty_list_and_one_model(dialect):
    assert json.loads(models_list([], 7, dialect))["data"] == []
    assert json.loads(model_object("echo", 7, dialect)) == json.loads(models_list(["echo"], 7, dialect))["data"][0]
