"""What a page shows while its question is on the way: where its first line stands, and where its cards will be.

What was shown before stays in its place under a veil, so nothing moves. It appears only after a moment
(`style/history.css`): answers that are there at once never blink.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from streamlit.delta_generator import DeltaGenerator

from ui.html import Html, fill, icon, join


@contextmanager
def waiting(line: DeltaGenerator, cards: DeltaGenerator, words: str, rows: Iterable[tuple[int, ...]]) -> Iterator[None]:
    """Show in `line` and `cards`, both empty places, that an answer is waited for, as long as it takes.

    words: what is done; rows: of the cards to come, the share of the width that each takes.
    """
    line.html(
        fill(
            '<div class="waiting" role="status">{icon}<div><b>{words}</b><p>{more}</p></div></div>',
            icon=icon("hourglass_top"),
            words=words,
            more="A long time and many servers take a while. The page goes on by itself.",
        )
    )
    cards.html(bones(rows))
    try:
        yield
    finally:
        line.empty()
        cards.empty()


def bones(rows: Iterable[tuple[int, ...]]) -> Html:
    """Cards without anything in them."""
    return fill(
        '<div class="bones" aria-hidden="true">{rows}</div>',
        rows=join(
            fill("<div>{cards}</div>", cards=join(fill('<i style="flex:{share}"></i>', share=share) for share in row))
            for row in rows
        ),
    )
