"""Adds to the <head> of the HTML that Streamlit serves what it has no setting for: manifest, icons, colour, script."""

from __future__ import annotations

from html import escape

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.brand import FRAME_DARK, FRAME_LIGHT

# Requests below these never bring a page.
_NEVER_HTML = ("/static/", "/app/static/", "/_stcore/", "/media/", "/assets/", "/api/", "/component/")
# Deep links would arrive compressed and pass unchanged; a page that was not modified would lack its head;
# half a page cannot be changed.
_DROPPED = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
_FAVICON = b'<link rel="shortcut icon" href="./favicon.png" />'
_TITLE = b"<title>Streamlit</title>"


def head(name: str, script_version: str) -> bytes:
    """What goes before </head>; addresses are relative, so that a base path works."""
    title = escape(name, quote=True)
    return (
        '<link rel="icon" type="image/svg+xml" href="./assets/logo.svg">'
        '<link rel="apple-touch-icon" href="./assets/icon-180.png">'
        '<link rel="manifest" href="./manifest.webmanifest">'
        f'<meta name="application-name" content="{title}">'
        f'<meta name="theme-color" media="(prefers-color-scheme: light)" content="{FRAME_LIGHT}">'
        f'<meta name="theme-color" media="(prefers-color-scheme: dark)" content="{FRAME_DARK}">'
        '<meta name="color-scheme" content="light dark">'
        f'<script src="./assets/page.js?v={script_version}"></script>'
    ).encode()


class Head:
    """ASGI middleware: every HTML page that passes gets `head` and the product's own title."""

    def __init__(self, app: ASGIApp, name: str, script_version: str) -> None:
        self.app = app
        self.added = head(name, script_version)
        self.title = f"<title>{escape(name)}</title>".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything but pages through untouched."""
        if scope["type"] != "http" or any(part in scope["path"] for part in _NEVER_HTML):
            await self.app(scope, receive, send)
            return
        asked = {**scope, "headers": [header for header in scope["headers"] if header[0] not in _DROPPED]}
        await self.app(asked, receive, _Page(self, send))

    def changed(self, page: bytes) -> bytes:
        """`page` with the additions."""
        page = page.replace(_TITLE, self.title, 1).replace(_FAVICON, b"", 1)
        return page.replace(b"</head>", self.added + b"</head>", 1)


class _Page:
    """Holds one answer back until it is whole, if it is HTML."""

    def __init__(self, head: Head, send: Send) -> None:
        self.head = head
        self.send = send
        self.start: Message | None = None
        self.body = bytearray()

    async def __call__(self, message: Message) -> None:
        """Forward `message`, changed or later."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            # A page with a policy of its own is one of ours, without a script.
            ours = "content-security-policy" in headers
            plain = headers.get("content-encoding", "identity") == "identity" and not ours
            if plain and headers.get("content-type", "").startswith("text/html"):
                self.start = message
                return
        elif message["type"] == "http.response.body" and self.start is not None:
            self.body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self.start)
            return
        await self.send(message)

    async def _finish(self, start: Message) -> None:
        page = self.head.changed(bytes(self.body))
        headers = MutableHeaders(raw=list(start["headers"]))
        del headers["etag"]
        del headers["last-modified"]
        if page or "content-length" not in headers:
            headers["content-length"] = str(len(page))
        else:
            # The answer to HEAD has no body; its length is that of the unchanged page.
            del headers["content-length"]
        await self.send({**start, "headers": headers.raw})
        await self.send({"type": "http.response.body", "body": page})
