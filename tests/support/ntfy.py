# SPDX-License-Identifier: Apache-2.0
"""A server that takes what ntfy takes, on a free port of this machine, and can be overloaded."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class NtfyServer(ThreadingHTTPServer):
    """Takes what ntfy takes; refuses the first ``failures`` requests as an overloaded service does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Ntfy)
        self.failures = 0
        self.taken: list[dict[str, Any]] = []

    @property
    def way(self) -> str:
        return f"ntfy://127.0.0.1:{self.server_port}/farm-topic"


class _Ntfy(BaseHTTPRequestHandler):
    server: NtfyServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        refuse = self.server.failures > 0
        self.server.failures -= refuse
        if not refuse:
            self.server.taken.append(json.loads(body))
        self.send_response(503 if refuse else 200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[NtfyServer]:
    """Serve until the end of the block."""
    with NtfyServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
