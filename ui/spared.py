"""How much the origins were spared, over time, by edge and by channel: figure, tables, files, and what ratios mean."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

import pandas as pd
import plotly.graph_objects as go

from db.asked import Only
from db.export import Column as FileColumn
from db.offload import FORMULAS, LONGEST_OF_CHANNELS
from db.steps import Steps
from ui import history_figures, links, past
from ui.html import Html, fill
from ui.numbers import percent, volume
from ui.rows import each
from ui.tables import Column, Row, cell

HEIGHT, ROWS = 240, 10
LONGEST_WORDS = f"{LONGEST_OF_CHANNELS.days} days"
_RATIOS = ("offload", "hit_ratio")
_LINES = {0: "Spared the origins", 1: "Out of the cache"}
_SENT, _TAKEN, _SPARED = (Column(words, number=True) for words in ("Sent", "Took in", "Spared the origins"))
EDGES = (Column("Edge"), _SENT, _TAKEN, _SPARED, Column("Out of the cache", number=True))
CHANNELS = (Column("Channel"), _SENT, _TAKEN, _SPARED)
_FILE = (
    FileColumn("sent", "Sent", "bytes"),
    FileColumn("taken", "Took in", "bytes"),
    FileColumn("offload", "Spared the origins", "0 to 1"),
)


__all__ = ["FORMULAS", "Spared", "spared"]


@dataclass(frozen=True, slots=True)
class Spared:
    """The frames of db.offload for a window; only: of which servers and channels."""

    over: Steps
    only: Only
    over_time: pd.DataFrame
    edges: pd.DataFrame
    channels: pd.DataFrame

    @property
    def names(self) -> dict[int, str]:
        """place → name of each line of which anything is known."""
        return {place: _LINES[place] for place, ratio in enumerate(_RATIOS) if self.over_time[ratio].notna().any()}

    @property
    def channels_are_told(self) -> bool:
        """Whether the window is short enough for channels."""
        return self.over.end - self.over.start <= LONGEST_OF_CHANNELS

    def figure(self, zone: tzinfo) -> go.Figure:
        """Both ratios over time, in percent."""
        names = self.names
        parts = [
            self.over_time[["at"]].assign(value=self.over_time[_RATIOS[place]] * 100, place=place) for place in names
        ]
        series = pd.concat(parts) if parts else pd.DataFrame({"at": [], "place": [], "value": []})
        return history_figures.over_time(series, "value", names, self.over, 1.0, zone, HEIGHT, unit="%", stacked=False)

    def legend(self) -> list[tuple[str, str, str]]:
        """Colour, name and value over the whole window of each line: sums over sums."""
        found = self.over_time
        told = found[found["offload"].notna()]
        sent, taken = told["sent"].sum(), told["taken"].sum()
        hits, answers = found["hits"].sum(), found["answers"].sum()
        values = (1 - taken / sent if sent else None, hits / answers if answers else None)
        return [(history_figures.colour(place), name, percent(values[place])) for place, name in self.names.items()]

    def meaning(self) -> Html:
        """What the lines are, in words."""
        return fill(
            '<p class="made-of">Spared the origins = {offload}, in bytes. Out of the cache = {hits}.</p>',
            offload=FORMULAS["edge"] if self.only.is_of_servers else FORMULAS["offload"],
            hits=FORMULAS["hit_ratio"],
        )

    def edge_rows(self) -> list[Row]:
        """Edges: sent, taken in, what that spared, answers out of the cache."""
        why, no_cache = "it does not count both", "it does not count answers of a cache"
        return [
            Row(
                (
                    links.link(links.server(str(row.name)), row.name),
                    volume(row.sent),
                    cell(volume(row.taken), why),
                    cell(percent(row.offload), why),
                    cell(percent(row.hit_ratio), no_cache),
                )
            )
            for row in each(self.edges.head(ROWS))
        ]

    def channel_rows(self) -> list[Row]:
        """Channels: sent, taken in, what that spared."""
        why = "no edge says what it took in of this channel"
        return [
            Row(
                (
                    links.link(links.channel(int(row.id)), row.name or "(no name)"),
                    cell(volume(row.sent), why),
                    cell(volume(row.taken), why),
                    cell(percent(row.offload), why),
                )
            )
            for row in each(self.channels.head(ROWS))
        ]

    def file(self) -> tuple[pd.DataFrame, list[FileColumn]]:
        """The lines as a file."""
        columns = [FileColumn("at", "Time"), FileColumn("offload", "Spared the origins", "0 to 1")]
        return self.over_time, [*columns, FileColumn("hit_ratio", "Out of the cache", "0 to 1")]

    def edges_file(self) -> tuple[pd.DataFrame, list[FileColumn]]:
        """All edges as a file."""
        columns = [FileColumn("name", "Edge"), FileColumn("region", "Region"), *_FILE]
        return self.edges, [*columns, FileColumn("hit_ratio", "Out of the cache", "0 to 1")]

    def channels_file(self) -> tuple[pd.DataFrame, list[FileColumn]]:
        """All channels as a file."""
        return self.channels, [FileColumn("name", "Channel"), *_FILE]


def spared(over: Steps, only: Only) -> Spared:
    """What the origins were spared in a window. Raises Unavailable."""
    servers = Only(**{**only.fields(), "channels": ()})
    return Spared(
        over,
        only,
        past.offload(over, servers),
        past.offload_by_edge(over, servers),
        past.offload_by_channel(over, only),
    )
