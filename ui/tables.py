"""Tables that turn into cards on a phone. Up to about fifty rows; cells are escaped unless they are Html."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ui.html import Html, fill, join


@dataclass(frozen=True, slots=True)
class Column:
    """One column. number: right-aligned; phone: shown on a phone, with its heading as label."""

    heading: str
    number: bool = False
    phone: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row. folded: left out on a phone, where fine things are."""

    cells: Sequence[object]
    folded: bool = False


def table(caption: str, columns: Sequence[Column], rows: Iterable[Row]) -> Html:
    """A table; the first cell of each row names it, the second is its status."""
    heads = join(
        fill('<th scope="col" class="{classes}">{heading}</th>', classes=_classes(column), heading=column.heading)
        if column.heading
        else fill('<td class="{classes}"></td>', classes=_classes(column))
        for column in columns
    )
    return fill(
        '<div class="tw"><table class="tb stack"><caption class="vh">{caption}</caption><thead><tr>{heads}</tr></thead>'
        "<tbody>{rows}</tbody></table></div>",
        caption=caption,
        heads=heads,
        rows=join(_row(columns, row) for row in rows),
    )


def _row(columns: Sequence[Column], row: Row) -> Html:
    cells = [
        fill(
            '<td class="{classes}" data-l="{label}">{cell}</td>',
            classes=_classes(column),
            label=column.heading,
            cell=cell,
        )
        for column, cell in zip(columns[1:], row.cells[1:], strict=True)
    ]
    return fill(
        '<tr class="{folded}"><th scope="row" class="{classes}">{name}</th>{cells}</tr>',
        folded="folded" if row.folded else "",
        classes=_classes(columns[0]),
        name=row.cells[0],
        cells=join(cells),
    )


def _classes(column: Column) -> str:
    return " ".join(word for word, on in (("n", column.number), ("only-d", not column.phone)) if on)


def unknown(why: str) -> Html:
    """A cell without a value, and why there is none."""
    return fill('<span class="none" title="{why}">–</span>', why=why)


def cell(text: str, why: str) -> Html:
    """`text`, or where it is a dash, a dash that says why."""
    return unknown(why) if text == "–" else fill("{text}", text=text)


def under(text: object, small: object) -> Html:
    """A cell of two lines."""
    return fill("{text}<small>{small}</small>", text=text, small=small) if small else fill("{text}", text=text)
