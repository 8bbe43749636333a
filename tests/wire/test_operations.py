import pytest

from penstock.wire.operations import BELOW, OPERATIONS, find


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@pytest.mark.parametrize("prefix", ["/v1", "", "/v1/v1"])
def test_each_operation_is_found_with_and_without_v1(operation, prefix):
    assert find(prefix + operation.path) is operation


@pytest.mark.parametrize(
    ("path", "name", "upstream_path"),
    [
        ("/v1/files/file-123", "file", "/files/file-123"),
        ("/files/file-123/content", "file", "/files/file-123/content"),
        ("/v1/batches/batch_1/cancel", "batch", "/batches/batch_1/cancel"),
        ("/v1/responses/resp_1", "response", "/responses/resp_1"),
        ("/v1/v1/responses/resp_1/input_items", "response", "/responses/resp_1/input_items"),
        ("/v1/messages/batches/msgbatch_1/results", "message_batch", "/messages/batches/msgbatch_1/results"),
        ("/v1/uploads/upload_1/parts", "upload", "/uploads/upload_1/parts"),
    ],
)
def test_a_stored_thing_keeps_its_id_in_the_path_but_not_in_the_name(path, name, upstream_path):
    found = find(path)
    assert found is not None
    assert (found.name, found.path, found.needs_model) == (name, upstream_path, False)
    (whole,) = [one for one in BELOW if one.name == name]
    copied = ("dialect", "body", "streams", "methods", "upgrades")
    assert [getattr(found, field) for field in copied] == [getattr(whole, field) for field in copied]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/v1",
        "/v1/",
        "/v1/models",
        "/v1/chat/completions/",
        "/v1/v1/v1/chat/completions",
        "/V1/chat/completions",
        "/v1/chat%2fcompletions",
        "/v1/files/",
        "/v1/files/../models",
        "/v1/files/..",
        "/v1/files/.hidden",
        "/v1/files/a//b",
        "/v1/files/a/b/c/d",
        "/v1/files/%2e%2e/models",
        "/v1/files/a b",
        "/v1/files/a\r\nhost: x",
        "/v1/files/a\n",
        "/v1/files/é",
        "/v1/files/" + "a" * 257,
        "/v1/messages/msg_1",
    ],
)
def test_other_paths_name_nothing(path):
    assert find(path) is None


def test_what_has_a_fixed_path_wins_over_an_id():
    assert find("/v1/responses/input_tokens").name == "response_tokens"
    assert find("/v1/messages/batches").name == "message_batches"


def test_names_are_unique_and_paths_are_below_the_base_url():
    operations = OPERATIONS + BELOW
    assert len({operation.name for operation in operations}) == len(operations)
    assert all(operation.path.startswith("/") and not operation.path.startswith("/v1") for operation in operations)


def test_multipart_is_opaque_and_needs_no_model():
    for path in ("/images/edits", "/images/variations", "/audio/transcriptions", "/audio/translations", "/files"):
        assert (find(path).body, find(path).needs_model) == ("opaque", False)


def test_dialects():
    assert {operation.name for operation in OPERATIONS if operation.dialect == "anthropic"} == {
        "messages",
        "count_tokens",
        "message_batches",
    }
