# SPDX-License-Identifier: Apache-2.0
"""A small keep-alive HTTP client for reading from stores.

The rule it keeps: one connection, one request at a time, answers bounded, every wait with a timeout; run its
calls in a thread.
"""

import http.client
import threading
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

from telemetry.ports import StoreError

TIMEOUT_S: Final = 30.0
ANSWER_MAX: Final = 512 * 1024 * 1024


class HttpClient:
    """Requests to one server."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S) -> None:
        """Take the server's address, http:// or https://. ValueError if it is none."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"bad store address {url!r}: write http://host:port or https://host")
        self.url = url
        self._prefix = parts.path.rstrip("/")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_s)
        self._headers = dict(headers or {})
        self._lock = threading.Lock()

    def get(self, path: str, query: Mapping[str, str]) -> bytes:
        """GET and give the body. StoreError for anything but 200 or 204."""
        return self._ask("GET", f"{path}?{urlencode(query)}", None)

    def post(self, path: str, query: Mapping[str, str], body: bytes = b"") -> bytes:
        """POST and give the answer's body. StoreError for anything but 200 or 204."""
        return self._ask("POST", f"{path}?{urlencode(query)}", body)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def _ask(self, method: str, target: str, body: bytes | None) -> bytes:
        with self._lock:
            for attempt in (1, 2):  # a kept connection may have been closed by the other side meanwhile
                try:
                    self._connection.request(method, self._prefix + target, body, self._headers)
                    answer = self._connection.getresponse()
                    data = answer.read(ANSWER_MAX + 1)
                except (OSError, http.client.HTTPException) as error:
                    self._connection.close()
                    if attempt == 2 or isinstance(error, TimeoutError):
                        raise StoreError(f"{self.url}: {error}; is the store running?") from error
                    continue
                if answer.status not in (200, 204):
                    raise StoreError(f"{self.url}: HTTP {answer.status}: {data[:300].decode('utf-8', 'replace')}")
                if len(data) > ANSWER_MAX:
                    self._connection.close()
                    raise StoreError(f"{self.url}: an answer over {ANSWER_MAX} bytes; ask for less")
                return data
        raise AssertionError
