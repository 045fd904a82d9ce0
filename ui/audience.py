"""What the page of the audience asks and is answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, tzinfo

import pandas as pd
import plotly.graph_objects as go

from db.asked import By, Only
from db.export import Column as FileColumn
from db.steps import Steps
from ui import history, history_figures, numbers, past, questions, rankings
from ui.headline import Headline
from ui.period import Period
from ui.tables import under

HEIGHT, ROWS = 430, 20
CHANNEL, REGION = "Channel", "Region"
BYS: dict[str, By] = {
    "Region": By.REGION,
    "Channel": By.CHANNEL,
    "Server": By.SERVER,
    "Provider": By.PROVIDER,
    "All together": By.TOTAL,
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: told apart by what, of which servers and channels, when."""

    by: By
    only: Only
    when: Period


@dataclass(frozen=True, slots=True)
class Answer:
    """The frames that answer a question; rankings: by the words of BYS; total: of all together."""

    asked: Question
    over: Steps
    against: Steps | None
    series: pd.DataFrame
    before: pd.DataFrame | None
    total: pd.DataFrame
    rankings: dict[str, pd.DataFrame]
    markers: pd.DataFrame

    @property
    def names(self) -> dict[int, str]:
        """place → name of each series."""
        return history_figures.named(self.series, questions.NAMELESS.get(self.asked.by, "(no name)"), "All others")

    @property
    def by_words(self) -> str:
        """What they are told apart by, on screen."""
        return next(words for words, by in BYS.items() if by is self.asked.by)

    @property
    def mean(self) -> float | None:
        """Viewers at once over the steps that are known."""
        return _mean(self.series)

    @property
    def mean_before(self) -> float | None:
        """The same of the window it is compared with."""
        return None if self.before is None else _mean(self.before)

    @property
    def _ghost_words(self) -> str:
        return f"{history.capital(self.asked.when.against_words)}, all together"

    def figure(self, zone: tzinfo) -> go.Figure:
        """The chart."""
        ghost = None
        if self.before is not None and self.against is not None:
            ghost = _together(self.before), self.against, self._ghost_words
        return history_figures.over_time(
            self.series,
            "viewers",
            self.names,
            self.over,
            1.0,
            zone,
            HEIGHT,
            unit="viewers",
            digits=0,
            ghost=ghost,
            markers=self.markers,
        )

    def legend(self) -> list[tuple[str, str, str]]:
        """Colour, name and mean of each series, the ghost last."""
        known = self.series["at"].nunique()
        sums = self.series.groupby("place")["viewers"].sum()
        shown = [
            (history_figures.colour(place), name, history.viewers_words(sums[place] / known))
            for place, name in self.names.items()
        ]
        if self.mean_before is not None:
            shown.append(("ghost", self._ghost_words, history.viewers_words(self.mean_before)))
        return shown

    def headline(self, zone: tzinfo) -> Headline:
        """The first two lines."""
        below: list[object] = []
        row = None if self.total.empty else self.total.iloc[0]
        if row is not None and numbers.known(row["peak"]) is not None:
            peak, at = numbers.count(row["peak"]), history.moment(row["peak_at"], zone)
            below.append(f"The most at once were {peak} on {at}.")
        if row is not None:
            below.append(f"{history.hours_of(row['viewer_seconds'])} viewer-hours in all.")
        mean = self.mean
        return history.headline(
            self.asked.when, mean, self.mean_before, f"{history.viewers_words(mean)} viewers", below
        )

    def numbers(self, zone: tzinfo) -> list[tuple[str, object, object]]:
        """Rows of the card of numbers."""
        row = None if self.total.empty else self.total.iloc[0]
        rows: list[tuple[str, object, object]] = [
            ("Average", history.viewers_words(self.mean), history.change(self.mean, self.mean_before))
        ]
        if row is not None:
            peak = under(numbers.count(row["peak"]), history.moment(row["peak_at"], zone))
            rows.append(("Most at once", peak, ""))
            watched = history.change(row["viewer_seconds"], row["before"])
            rows.append((rankings.WATCHED, history.hours_of(row["viewer_seconds"]), watched))
        channels = self.rankings[CHANNEL]["viewer_seconds"]
        rows.append(("Channels watched", numbers.count((channels > 0).sum()), ""))
        return rows

    def series_file(self) -> tuple[pd.DataFrame, list[FileColumn]]:
        """The chart as a file."""
        names = self.names
        frame = self.series.assign(name=[names[place] for place in self.series["place"]])
        return frame, [FileColumn("at", "Time"), FileColumn("name", "Name"), FileColumn("viewers", "Viewers")]


def ranking_file(found: pd.DataFrame, by: str) -> tuple[pd.DataFrame, list[FileColumn]]:
    """A ranking as a file."""
    hours = found.assign(hours=found["viewer_seconds"] / 3_600, hours_before=found["before"] / 3_600)
    columns = [FileColumn("name", by), FileColumn("hours", "Viewer-hours"), FileColumn("hours_before", "before")]
    return hours, [*columns, FileColumn("peak", "Most at once"), FileColumn("peak_at", "When")]


def answer(asked: Question) -> Answer:
    """Everything the page shows. Raises Unavailable."""
    by, only, when = asked.by.value, asked.only, asked.when
    total = By.CHANNEL if asked.by is By.CHANNEL else By.TOTAL
    over = past.stepped(when.start, when.end, asked.by, only)
    against = None if when.against is None else past.stepped(*when.against, asked.by, only)

    def ranked(by: By) -> pd.DataFrame:
        now = past.stepped(when.start, when.end, by, only)
        then = None if when.against is None else past.stepped(*when.against, by, only)
        return past.ranking(now, then, by.value, only)

    return Answer(
        asked,
        over,
        against,
        past.viewers(over, by, only),
        None if against is None else past.viewers(against, total.value, only),
        ranked(By.TOTAL),
        {CHANNEL: ranked(By.CHANNEL), REGION: ranked(By.REGION)},
        # The form for a new one offers the end.
        past.markers(over.start, over.end + timedelta(seconds=1), only),
    )


def _together(found: pd.DataFrame) -> pd.DataFrame:
    return found.groupby("at", as_index=False).agg(viewers=("viewers", "sum"))


def _mean(found: pd.DataFrame) -> float | None:
    return None if found.empty else float(found.groupby("at")["viewers"].sum().mean())
