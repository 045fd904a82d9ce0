"""The fleet as tiles, a row a region: what is fine is pale, the bar says how full."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ui.html import NOTHING, Html, fill, icon, join
from ui.links import server
from ui.numbers import DASH, known, many, percent
from ui.status import LOOKS, NEEDS_A_LOOK

# Above this many servers only the tiles that need a look are drawn: a thousand would weigh 300 kB a refresh.
ALL_TILES = 150
# A tile never shows less of a name than this.
SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Tile:
    """One server; fullness 0..1 or missing."""

    name: str
    state: str
    fullness: object = None


@dataclass(frozen=True, slots=True)
class Region:
    """A row of tiles; `note` says what the region does together."""

    name: str
    note: str
    tiles: Sequence[Tile]


def tiles(regions: Sequence[Region]) -> Html:
    """All regions. On a phone only what needs a look is a tile, and fine regions are one line."""
    few = sum(len(region.tiles) for region in regions) <= ALL_TILES
    fine = [region.name for region in regions if not _wanting(region.tiles)]
    folded = fill('<p class="more">Fine: {names}</p>', names=", ".join(fine)) if fine else NOTHING
    rows = join(_region(row, few) for row in regions)
    return fill('<div class="tiles">{rows}{folded}</div>', rows=rows, folded=folded)


def _region(region: Region, every: bool) -> Html:
    wanting = _wanting(region.tiles)
    shown = list(region.tiles) if every else wanting
    left = len(region.tiles) - len(shown)
    skip = common_beginning([tile.name for tile in region.tiles]) if len(region.tiles) > 1 else 0
    return fill(
        '<div class="reg {fine}"><div class="reg-h"><b>{name}</b><span>{note}</span></div>'
        '<div class="reg-t">{tiles}{left}</div></div>',
        fine="" if wanting else "fine",
        name=region.name,
        note=region.note,
        tiles=join(_tile(tile, skip) for tile in shown),
        left=fill('<span class="left">{left}</span>', left=f"{many(left, 'server')} fine") if left else NOTHING,
    )


def _tile(tile: Tile, skip: int) -> Html:
    look = LOOKS[tile.state]
    share = known(tile.fullness)
    full = percent(share, 0)
    spoken = f"{tile.name}: {look.word.lower()}" + ("" if full == DASH else f", {full} full")
    bar = fill('<i class="b" style="width:{w}%"></i>', w=round(100 * min(share, 1))) if share is not None else NOTHING
    return fill(
        '<a class="tile {tone}" href="{href}" title="{spoken}" aria-label="{spoken}">'
        "{icon}<span>{name}</span>{bar}</a>",
        tone=look.tone,
        href=server(tile.name),
        spoken=spoken,
        icon=NOTHING if look.tone == "ok" else icon(look.icon),
        name=tile.name[skip:],
        bar=bar if look.tone in ("ok", "warn") else NOTHING,
    )


def common_beginning(names: Sequence[str]) -> int:
    """Letters all names begin with and a tile can leave out: whole words up to a dash, so that enough is left."""
    first, last = min(names), max(names)
    room = min(len(name) for name in names) - SHORTEST
    dashes = [place + 1 for place, letter in enumerate(first) if letter == "-" and place < room]
    # What the first and the last in order have in common, all have.
    return max((skip for skip in dashes if last.startswith(first[:skip])), default=0)


def _wanting(row: Iterable[Tile]) -> list[Tile]:
    return [tile for tile in row if tile.state in NEEDS_A_LOOK]
