"""``penstock lambda``: the gateway as a Lambda function. The image that ``penstock deploy aws`` writes starts it."""

from __future__ import annotations

import os

from penstock.cli.failure import Failure
from penstock.cli.options import CONFIG_VARIABLE, add_config, config_path, parser

API_VARIABLE = "AWS_LAMBDA_RUNTIME_API"


def main(arguments: list[str]) -> int:
    """Take invocations until the sandbox ends."""
    wants = parser(
        "lambda",
        "Serve inside an AWS Lambda sandbox: events of a balancer, a function URL or an HTTP API become calls.",
        "PENSTOCK_SECRET names a secret of Secrets Manager, whose members become environment variables; its member\n"
        "PENSTOCK_KEYS is the text of the key file.",
    )
    add_config(wants)
    wants.add_argument("--buffered", action="store_true", help="the function URL's invoke mode is BUFFERED: no streams")
    options = wants.parse_args(arguments)
    api = os.environ.get(API_VARIABLE)
    if not api:
        raise Failure(f"penstock lambda: ${API_VARIABLE} is not set: this is no Lambda sandbox; use penstock serve", 2)
    path = config_path(options.config)
    if path is None:
        raise Failure(f"penstock lambda: which config? --config FILE, or ${CONFIG_VARIABLE}", 2)

    from penstock.process.aws_lambda.sandbox import serve

    return serve(path, api, streams=not options.buffered)
