"""A program for the tests of replicas: announces itself and answers health checks, but while the file that its only
argument names exists it hangs instead."""

import http.server
import json
import os
import secrets
import sys
import threading


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if os.path.exists(sys.argv[1]):
            threading.Event().wait()
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health)
server.daemon_threads = True
announced = {"base_url": f"http://127.0.0.1:{server.server_port}/v1", "api_key": secrets.token_hex()}
print(json.dumps(announced), flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
