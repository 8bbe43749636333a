#!/usr/local/bin/python3 -I
"""A Lambda extension: runs the collector beside the gateway, and lets it finish when the sandbox ends.

Enters: the sandbox's environment. Leaves: a running collector. It registers for the end alone, so no call waits for
it; that it is there also has Lambda tell the gateway (SIGTERM) before the sandbox goes. Without a collector the gateway
serves all the same.
"""

import http.client
import json
import os
import subprocess
import sys
import time

NAME = "penstock-collector"
COMMAND = ["/opt/penstock/awscollector", "--config=/opt/penstock/collector.yaml"]
VERSION = "/2020-01-01/extension"
SPARE_SECONDS = 0.2


def asked(api: str, method: str, path: str, fields: dict[str, str], body: bytes = b"") -> tuple[dict[str, str], bytes]:
    """One question to the extensions API: its fields (lower case) and its body. Raises OSError."""
    connection = http.client.HTTPConnection(api)
    try:
        connection.request(method, VERSION + path, body, fields)
        answer = connection.getresponse()
        told = answer.read()
        if answer.status != 200:
            raise ConnectionError(f"{path}: {answer.status} {told[:200]!r}")
        return {name.lower(): value for name, value in answer.getheaders()}, told
    finally:
        connection.close()


def main(command: list[str]) -> int:
    """Until the sandbox ends."""
    api = os.environ["AWS_LAMBDA_RUNTIME_API"]
    wants = json.dumps({"events": ["SHUTDOWN"]}).encode()
    fields, _ = asked(api, "POST", "/register", {"Lambda-Extension-Name": NAME}, wants)
    me = {"Lambda-Extension-Identifier": fields["lambda-extension-identifier"]}
    try:
        collector = subprocess.Popen(command)
    except OSError as error:
        print(f"{NAME}: {command[0]} cannot be started: {error}; nothing is traced", file=sys.stderr)
        collector = None
    while True:
        event = json.loads(asked(api, "GET", "/event/next", me)[1])
        if event["eventType"] != "SHUTDOWN":
            continue
        if collector is not None:
            collector.terminate()
            left = event.get("deadlineMs", 0) / 1000 - time.time() - SPARE_SECONDS
            try:
                collector.wait(max(0.0, left))
            except subprocess.TimeoutExpired:
                collector.kill()
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or COMMAND))
