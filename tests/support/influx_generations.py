# SPDX-License-Identifier: Apache-2.0
"""The doors of InfluxDB 2 and 3 as their documentation describes them, before the engine of a real InfluxDB 1.6.

No server of InfluxDB 2 or 3 can be installed from Debian or PyPI. This stands in for their HTTP interfaces only:
which requests they take, with which token and parameters, and what they answer; it is stricter than they are.

Sources: docs.influxdata.com: influxdb/v2/api/write-data, influxdb/v2/api-guide/influxdb-1x/query and /dbrp,
influxdb/v2/write-data/troubleshoot; influxdb3/core/write-data/http-api/compatibility-apis and write-data/troubleshoot
(a table's tags are those of its first line). Read on 22 November 2026.
"""

import http.server
import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, urlencode, urlsplit

TOKEN: Final = "a-token-that-the-server-knows=="
ORG: Final = "htx"
_LINE: Final = re.compile(r"^((?:\\.|[^\s,\\])+)((?:,(?:\\.|[^\s\\])+)?) (.+?) (-?\d+)$")
_FORBIDDEN: Final = re.compile(r"^\s*(CREATE|ALTER|GRANT|DROP DATABASE|INTO)", re.IGNORECASE)


class _Door(http.server.BaseHTTPRequestHandler):
    """One request; the class attributes say which generation and where the engine is."""

    generation = 2
    engine = ""
    buckets: ClassVar[set[str]] = set()
    tags: ClassVar[dict[tuple[str, str], frozenset[str]]] = {}

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        query = {name: found[0] for name, found in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._known():
            return
        if parts.path != "/api/v2/write":
            self._answer(404, {"code": "not found", "message": f"path not found: {parts.path}"})
        elif self.generation == 2:
            self._write_2(query, body)
        else:
            self._write_3(query, body)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: found[0] for name, found in parse_qs(parts.query).items()}
        if not self._known():
            return
        if parts.path != "/query" or "q" not in query or "db" not in query:
            self._answer(400, {"code": "invalid", "message": "db and q are required"})
        elif _FORBIDDEN.search(query["q"]):
            self._answer(200, {"results": [{"statement_id": 0, "error": "not implemented"}]})
        elif self.generation == 2 and query["db"] not in self.buckets:
            self._answer(404, {"code": "not found", "message": "no dbrp mapping found"})
        else:
            self._forward("GET", "/query", {name: query[name] for name in ("db", "q", "epoch") if name in query}, None)

    def _write_2(self, query: dict[str, str], body: bytes) -> None:
        if query.get("org") != ORG:
            self._answer(404, {"code": "not found", "message": f'organization name "{query.get("org")}" not found'})
        elif query.get("bucket") not in self.buckets:
            self._answer(404, {"code": "not found", "message": f'bucket "{query.get("bucket")}" not found'})
        else:
            self._store(query, body)

    def _write_3(self, query: dict[str, str], body: bytes) -> None:
        rejected = []
        for number, line in enumerate(body.decode().splitlines(), 1):
            match = _LINE.match(line)
            if match is None:
                rejected.append({"original_line": line, "line_number": number, "error_message": "cannot be parsed"})
                continue
            names = frozenset(part.split("=")[0] for part in re.split(r"(?<!\\),", match.group(2)) if part)
            known = self.tags.setdefault((query["bucket"], match.group(1)), names)
            rejected += [
                {"original_line": line, "line_number": number, "error_message": f"a new tag '{tag}' in a write"}
                for tag in sorted(names - known)
            ]
        if rejected:
            self._answer(400, {"error": "partial write of line protocol occurred", "data": rejected[:100]})
            return
        make = urlencode({"q": f'CREATE DATABASE "{query["bucket"]}"'})
        urllib.request.urlopen(f"{self.engine}/query?{make}", data=b"", timeout=10).close()
        self._store(query, body)

    def _store(self, query: dict[str, str], body: bytes) -> None:
        if query.get("precision", "ns") not in {"ns", "us", "ms", "s"}:
            self._answer(400, {"code": "invalid", "message": "precision must be one of ns, us, ms, s"})
            return
        self._forward("POST", "/write", {"db": query["bucket"], "precision": query.get("precision", "ns")}, body)

    def _known(self) -> bool:
        given = self.headers.get("Authorization", "")
        schemes = ("Token",) if self.generation == 2 else ("Token", "Bearer")
        if given in {f"{scheme} {TOKEN}" for scheme in schemes}:
            return True
        self._answer(401, {"code": "unauthorized", "message": "unauthorized access"})
        return False

    def _forward(self, method: str, path: str, query: dict[str, str], body: bytes | None) -> None:
        request = urllib.request.Request(f"{self.engine}{path}?{urlencode(query)}", data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                self._send(int(answer.status), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                self._send(error.code, error.read())

    def _answer(self, code: int, told: dict[str, Any]) -> None:
        self._send(code, json.dumps(told).encode())

    def _send(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        if code != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if code != 204:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def influx_door(generation: int, engine: str, buckets: set[str]) -> Iterator[str]:
    """Open the door of a generation before an engine; give its address."""
    attributes = {"generation": generation, "engine": engine, "buckets": buckets, "tags": {}}
    handler = type("Door", (_Door,), attributes)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, name="influx door")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
