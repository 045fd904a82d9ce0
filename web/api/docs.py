"""The OpenAPI document, and the interactive documentation of it: all of its files come from this machine."""

from __future__ import annotations

import gzip
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from cdn.settings import settings
from web.api.auth import counted
from web.api.problem import Problem, ProblemBody

PAGES = Path(__file__).parent / "pages"
# Swagger UI writes styles while it runs.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_JS, _CSS = "text/javascript", "text/css"
_OWN = {"start.js": _JS, "copy.js": _JS, "look.css": _CSS}
_PACKAGED = {"swagger-ui.js": ("swagger-ui-bundle.js", _JS), "swagger-ui.css": ("swagger-ui.css", _CSS)}

router = APIRouter(include_in_schema=False, dependencies=[Depends(counted)])
templates = Environment(
    loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def page(name: str, **values: Any) -> HTMLResponse:
    """A page of `pages/`, with the headers that keep it from loading anything of others."""
    html = templates.get_template(name).render(brand=settings().brand_name, **values)
    return HTMLResponse(html, headers={"content-security-policy": POLICY, "cache-control": "no-cache"})


@router.get("/docs")
def show() -> Response:
    """The interactive documentation."""
    return page("docs.html")


@router.get("/docs/{name}")
def send(name: str, request: Request) -> Response:
    """A file that the pages need."""
    if name not in _OWN and name not in _PACKAGED:
        raise Problem(404, "There is no such file")
    bare, packed, kind = _file(name)
    headers = {"cache-control": "public, max-age=3600", "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type=kind, headers={**headers, "content-encoding": "gzip"})
    return Response(bare, media_type=kind, headers=headers)


@lru_cache(maxsize=8)
def _file(name: str) -> tuple[bytes, bytes, str]:
    """Bare, compressed (once: Swagger UI is 1.5 MB), and its type."""
    if name in _OWN:
        bare, kind = (PAGES / name).read_bytes(), _OWN[name]
    else:
        packaged, kind = _PACKAGED[name]
        bare = files("fastapi_offline").joinpath("static", packaged).read_bytes()
    return bare, gzip.compress(bare, 6), kind


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: as FastAPI makes it, and the shape of errors."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        shapes = made.setdefault("components", {}).setdefault("schemas", {})
        shapes["ProblemBody"] = ProblemBody.model_json_schema()
        app.openapi_schema = made
    return app.openapi_schema
