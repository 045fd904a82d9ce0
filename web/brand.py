"""The look of the product from outside: logo, icons, the manifest of the installable app. Pure.

Name and colour are the operator's (BRAND_NAME, BRAND_COLOR).
"""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

ASSETS = Path(__file__).parent / "assets"
ICON_SIZES = (180, 192, 512)
# Colour of the browser's frame: the header of the page is card-coloured.
FRAME_LIGHT, FRAME_DARK = "#ffffff", "#131a24"


@lru_cache(maxsize=4)
def logo(colour: str) -> str:
    """The logo in `colour` (#rrggbb) as SVG."""
    return (ASSETS / "logo.svg").read_text(encoding="utf-8").strip().replace("#1d63d8", colour)


@lru_cache(maxsize=8)
def icon(size: int, colour: str) -> bytes:
    """The logo as a PNG of `size` pixels, its ground filling the square (systems cut their own corners)."""
    scale = 4
    edge = size * scale
    image = Image.new("RGB", (edge, edge), colour)
    draw = ImageDraw.Draw(image)
    unit = edge / 32
    middle = edge / 2
    stroke = round(1.7 * unit)

    def box(radius: float) -> tuple[float, float, float, float]:
        return (middle - radius * unit, middle - radius * unit, middle + radius * unit, middle + radius * unit)

    draw.ellipse(box(2.3), fill="white")
    for radius in (5.4, 8.9):
        draw.arc(box(radius + 0.85), -50, 50, fill="white", width=stroke)
        draw.arc(box(radius + 0.85), 130, 230, fill="white", width=stroke)
    out = io.BytesIO()
    image.resize((size, size), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


def manifest(name: str, colour: str) -> dict[str, Any]:
    """The web app manifest; its addresses are relative to its own."""
    return {
        "name": name,
        "short_name": name,
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": FRAME_LIGHT,
        "theme_color": colour,
        "icons": [
            {"src": "assets/logo.svg", "sizes": "any", "type": "image/svg+xml"},
            *(
                {
                    "src": f"assets/icon-{size}.png",
                    "sizes": f"{size}x{size}",
                    "type": "image/png",
                    "purpose": "any maskable",
                }
                for size in ICON_SIZES
            ),
        ],
    }
