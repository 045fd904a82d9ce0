"""The pages that need no script: sign-in, one's own account, and words where nobody may go on."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from cdn import plain_text
from cdn.settings import settings
from web.headers import PLAIN_POLICY

_TEMPLATES = Path(__file__).parent / "templates"


@lru_cache(maxsize=1)
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: object) -> object:
    """What comes from data loses what is not seen or turns the text around it; markup of ours stays."""
    return plain_text.plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def page(template: str, base: str, *, status: int = 200, **data: Any) -> HTMLResponse:
    """`template` filled with `data`, escaped; nothing of it is kept by the browser."""
    text = _templates().get_template(template).render(brand=settings().brand_name, base=base, **data)
    headers = {"cache-control": "no-store", "content-security-policy": PLAIN_POLICY}
    return HTMLResponse(text, status, headers=headers)


def told(title: str, words: str, base: str, *, status: int) -> HTMLResponse:
    """A page that says why nobody may go on, and what to do."""
    return page("told.html", base, status=status, title=title, words=words)


@lru_cache(maxsize=1)
def font() -> bytes:
    """The font of all other pages, out of Streamlit; empty where it has another one by now."""
    found = sorted(Path(str(files("streamlit"))).glob("static/static/media/SourceSansVF-Upright*.woff2"))
    return found[0].read_bytes() if found else b""
