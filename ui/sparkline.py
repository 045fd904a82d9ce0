"""Small pictures inside HTML: the line of the last hour, the bar that says how full."""

from __future__ import annotations

import math
from collections.abc import Sequence
from urllib.parse import quote

from ui.html import NOTHING, Html, fill
from ui.numbers import known

POINTS = 32
WIDTH, HEIGHT, MARGIN = 100, 34, 2
# The image has a document of its own: it sees the page's colour scheme, but not its custom properties.
_STYLE = (
    ".a{fill:#2f6fe4;opacity:.22}"
    ".l{fill:none;stroke:#2f6fe4;stroke-width:1.5;vector-effect:non-scaling-stroke;stroke-linejoin:round}"
    "@media(prefers-color-scheme:dark){.a{fill:#5b9bff}.l{stroke:#5b9bff}}"
)


def sparkline(values: Sequence[float]) -> Html:
    """The course of `values` (oldest first; NaN is a gap) as an image. Nothing below two known values."""
    points = _thinned(values)
    known_values = [value for value in points if not math.isnan(value)]
    if len(known_values) < 2:
        return NOTHING
    low, high = min(known_values), max(known_values)
    # A steady line stands at the top, as in "all of it".
    span = high - low
    lines: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(points):
        if math.isnan(value):
            lines.append([])
            continue
        share = (value - low) / span if span else 1.0
        lines[-1].append((place * WIDTH / (len(points) - 1), HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)))
    paths = "".join(_path(line) for line in lines if len(line) > 1)
    picture = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' preserveAspectRatio='none'>"
        f"<style>{_STYLE}</style>{paths}</svg>"
    )
    return fill('<img class="spark" alt="" src="data:image/svg+xml,{data}">', data=quote(picture, safe=" =/:(){};,.@"))


def bar(share: object, tone: str = "") -> Html:
    """A bar filled to `share` (0..1); nothing where it is unknown."""
    number = known(share)
    if number is None:
        return NOTHING
    width = round(100 * min(max(number, 0.0), 1.0))
    return fill(
        '<span class="bar {tone}" role="img" aria-label="{width} % full"><i style="width:{width}%"></i></span>',
        tone=tone,
        width=width,
    )


def _thinned(values: Sequence[float]) -> list[float]:
    if len(values) <= POINTS:
        return [float(value) for value in values]
    step = (len(values) - 1) / (POINTS - 1)
    return [float(values[round(place * step)]) for place in range(POINTS)]


def _path(line: list[tuple[float, float]]) -> str:
    points = "L".join(f"{x:.0f} {y:.1f}" for x, y in line)
    return (
        f"<path class='a' d='M{line[0][0]:.0f} {HEIGHT}L{points}L{line[-1][0]:.0f} {HEIGHT}Z'/>"
        f"<path class='l' d='M{points}'/>"
    )
