"""The runtime API that our tests play is the one that AWS's own client speaks: else they would prove nothing."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.runtime_api import RuntimeApi, url_event

pytestmark = pytest.mark.cdk
CODE = """\
def answer(event, context):
    if event["rawPath"] == "/wrong":
        raise ValueError("as asked")
    return {"statusCode": 200, "body": event["rawPath"], "id": context.aws_request_id}
"""


def test_awslambdaric_takes_events_from_it_and_answers_to_it(tmp_path: Path, cdk_python: str) -> None:
    (tmp_path / "mine.py").write_text(CODE)
    with RuntimeApi() as api:
        environ = {"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": api.address, "PYTHONPATH": str(tmp_path)}
        environ |= {"AWS_LAMBDA_FUNCTION_NAME": "mine", "LAMBDA_TASK_ROOT": str(tmp_path)}
        api.invoke(url_event("GET", "/right"))
        api.invoke(url_event("GET", "/wrong"))
        command = [cdk_python, "-m", "awslambdaric", "mine.answer"]
        with subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL) as process:
            try:
                right, wrong = api.told(), api.told()
            finally:
                process.kill()
    assert right.path == "/2018-06-01/runtime/invocation/call-1/response"
    assert right.json == {"statusCode": 200, "body": "/right", "id": "call-1"}
    assert wrong.path == "/2018-06-01/runtime/invocation/call-2/error"
    assert wrong.json["errorMessage"] == "as asked"
    assert wrong.json["errorType"] == "ValueError"
