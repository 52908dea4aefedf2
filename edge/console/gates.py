# SPDX-License-Identifier: Apache-2.0
"""What every request passes before a page is made: which host was meant, where a form came from, safe headers.

The rule it keeps: a page of another site can neither read nor press anything here (OWASP: DNS rebinding, CSRF,
clickjacking), and no page loads anything from elsewhere.
"""

import ipaddress
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_MAX_BYTES: Final = 64 * 1024


def meant_for_us(host: str, names: frozenset[str]) -> bool:
    """Say whether a Host header names this machine: an address (no DNS name can be rebound to it) or a known name."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name.lower() in names
    return True


def from_our_page(headers: Mapping[str, str]) -> bool:
    """Say whether a form was sent by one of our own pages: Sec-Fetch-Site where the browser tells it, else Origin."""
    site = headers.get("sec-fetch-site", "")
    if site:
        return site == "same-origin"
    return headers.get("origin", "").partition("://")[2] == headers.get("host", "\0")


class Gates:
    """The one middleware of the console; ``names`` are the host names it answers to besides addresses."""

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what may not come in; put the headers on what goes out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    out[name] = value
                out.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope["method"], headers)
        await (refusal or self._app)(scope, receive, with_headers)

    def _refusal(self, method: str, headers: Headers) -> PlainTextResponse | None:
        if not meant_for_us(headers.get("host", ""), self._names):
            return PlainTextResponse("This console does not answer to that host name.\n", 421)
        if method not in SAFE_METHODS:
            if not from_our_page(headers):
                return PlainTextResponse("This form was not sent from the console's own page.\n", 403)
            length = headers.get("content-length", "")
            if not length.isdecimal() or int(length) > BODY_MAX_BYTES:
                return PlainTextResponse("This form is too long or does not tell its length.\n", 413)
        return None
