"""What the web server offers besides pages: REST, and the small files that pages and browsers ask for."""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from importlib.resources import files

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from cdn.settings import settings
from web import metrics, oidc, report_bill, report_channel
from web.api import mounted
from web.brand import ASSETS, ICON_SIZES, icon, logo, manifest
from web.gate import Gate
from web.head import Head
from web.headers import Guarded, inline_scripts
from web.plain import font
from web.proxies import Proxies
from web.reports import report
from web.signin import Door
from web.visitors import shared

_YEAR = "public, max-age=31536000, immutable"
_HOUR = "public, max-age=3600"


@lru_cache(maxsize=1)
def script_version() -> str:
    """Changes whenever the script does, so that browsers may keep it."""
    return hashlib.sha256(_script()).hexdigest()[:12]


@lru_cache(maxsize=1)
def _script() -> bytes:
    return (ASSETS / "page.js").read_bytes()


@lru_cache(maxsize=1)
def _chart_library() -> tuple[bytes, bytes]:
    """plotly.min.js of the installed package, bare and compressed (once: it is 4 MB)."""
    bare = files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
    return bare, gzip.compress(bare, 6)


def _send_script(_: Request) -> Response:
    return Response(_script(), media_type="text/javascript", headers={"cache-control": _YEAR})


def _send_chart_library(request: Request) -> Response:
    bare, packed = _chart_library()
    headers = {"cache-control": _YEAR, "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type="text/javascript", headers={**headers, "content-encoding": "gzip"})
    return Response(bare, media_type="text/javascript", headers=headers)


def _send_logo(_: Request) -> Response:
    return Response(logo(settings().brand_color), media_type="image/svg+xml", headers={"cache-control": _HOUR})


def _send_icon(request: Request) -> Response:
    size = request.path_params["size"]
    if size not in ICON_SIZES:
        return Response(status_code=404)
    return Response(icon(size, settings().brand_color), media_type="image/png", headers={"cache-control": _HOUR})


def _send_manifest(_: Request) -> Response:
    chosen = settings()
    return JSONResponse(
        manifest(chosen.brand_name, chosen.brand_color),
        media_type="application/manifest+json",
        headers={"cache-control": _HOUR},
    )


def _send_style(_: Request) -> Response:
    return Response((ASSETS / "sign-in.css").read_bytes(), media_type="text/css", headers={"cache-control": _HOUR})


def _send_report_style(_: Request) -> Response:
    return Response((ASSETS / "report.css").read_bytes(), media_type="text/css", headers={"cache-control": _HOUR})


def _send_font(_: Request) -> Response:
    found = font()
    return Response(found, 200 if found else 404, media_type="font/woff2", headers={"cache-control": _HOUR})


def behind_the_gate(base_path: str = "", *, tls: bool = False) -> list[Middleware]:
    """What every request passes, the outermost first. tls: the server itself speaks TLS."""
    config, base = settings(), base_path.strip("/")
    return [
        Middleware(Proxies, trusted=config.trusted_proxies, tls=tls),
        Middleware(Guarded, inline=inline_scripts()),
        Middleware(Gate, visitors=shared(), base=f"/{base}" if base else "", public_url=config.public_url),
        Middleware(Head, name=config.brand_name, script_version=script_version()),
    ]


def routes(base_path: str = "") -> list[BaseRoute]:
    """All routes. Streamlit does not put its base path before them, so it is put before each here.

    Not by one mount for all: that would answer for all of Streamlit's own addresses, too, that nothing is there.
    """
    base = base_path.strip("/")
    before = f"/{base}" if base else ""
    door = Door(before)
    offered: list[Route | Mount] = [
        *door.routes(),
        *oidc.routes(door),
        Route("/manifest.webmanifest", _send_manifest),
        Route("/assets/page.js", _send_script),
        Route("/assets/plotly.min.js", _send_chart_library),
        Route("/assets/logo.svg", _send_logo),
        Route("/assets/icon-{size:int}.png", _send_icon),
        Route("/assets/sign-in.css", _send_style),
        Route("/assets/sign-in.woff2", _send_font),
        Route("/assets/report.css", _send_report_style),
        report("/reports/contract", before, report_bill.read, "billing", "Back to billing"),
        report("/reports/channel", before, report_channel.read, "availability?of=Channels", "Back to all channels"),
        Route("/metrics", metrics.send),
        mounted("/api/v1"),
    ]
    return [_below(before, route) for route in offered]


def _below(before: str, route: Route | Mount) -> BaseRoute:
    """The same route below a base path."""
    if isinstance(route, Mount):
        return mounted(before + route.path)
    return Route(before + route.path, route.endpoint, methods=sorted(route.methods or ("GET",)))
