"""Headers that tell browsers what pages may do, whatever finds its way into them."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from importlib.resources import files

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Streamlit writes its styles while it runs, and its components and charts are made of blobs; scripts and
# connections are ours alone. Its own inline script, of one line, is named by its hash.
PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' blob: 'wasm-unsafe-eval' {inline}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "connect-src 'self' {socket}",
        "frame-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
# Pages without any script of ours or others'.
PLAIN_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not "no-referrer": forms would be sent with the origin "null", and forgery could not be told.
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_TWO_YEARS = "max-age=63072000"


class Guarded:
    """ASGI middleware: every answer gets the headers it has not set itself.

    inline: hashes of the inline scripts in Streamlit's page, as 'sha256-…' words.
    """

    def __init__(self, app: ASGIApp, inline: str = "") -> None:
        self.app = app
        self.inline = inline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the answer on with its headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        secure = scope.get("scheme") == "https"
        policy = PAGE_POLICY.format(inline=self.inline, socket=_socket(scope, secure)).replace("  ", " ")

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": list(message.get("headers", []))}
                headers = MutableHeaders(raw=message["headers"])
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
                headers.setdefault("content-security-policy", policy)
                if secure:
                    headers.setdefault("strict-transport-security", _TWO_YEARS)
            await send(message)

        await self.app(scope, receive, guarded)


def _socket(scope: Scope, secure: bool) -> str:
    """Our own websocket by name: not every browser counts it as 'self'."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    if not host or not all(char.isalnum() or char in ".-:[]_" for char in host):
        return ""
    return f"{'wss' if secure else 'ws'}://{host}"


@lru_cache(maxsize=1)
def inline_scripts() -> str:
    """The scripts within Streamlit's own page, each named by its hash."""
    page = files("streamlit").joinpath("static", "index.html").read_text(encoding="utf-8")
    found = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in found)
    return " ".join(f"'sha256-{each}'" for each in hashes)
