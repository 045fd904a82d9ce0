"""What the page of bandwidth asks and is answered: the question, the frames, and the words made of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, tzinfo

import pandas as pd
import plotly.graph_objects as go

from db.asked import By, Flow, Only, Unknowable
from db.export import Column as FileColumn
from db.steps import Steps
from ui import history, history_figures, numbers, past, questions
from ui.days import Days, days
from ui.headline import Headline
from ui.numbers import Scale, rate_scale
from ui.period import Period
from ui.spared import Spared, spared
from ui.tables import under
from ui.week import Week, week

__all__ = ["Answer", "Question", "Unknowable", "answer"]

HEIGHT = 430
# Of the table of groups.
ROWS = 10
# Peaks are looked for in five minutes of windows up to so long.
FINE_PEAKS = timedelta(days=100)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: which bytes, told apart by what, of which servers and channels, when."""

    flow: Flow
    by: By
    only: Only
    when: Period


@dataclass(frozen=True, slots=True)
class Answer:
    """The frames that answer a question; over: its steps, peaks_over: those that peaks were looked for in."""

    asked: Question
    over: Steps
    against: Steps | None
    series: pd.DataFrame
    before: pd.DataFrame | None
    grown: pd.DataFrame
    peaks: pd.DataFrame
    peak: pd.DataFrame
    peak_before: pd.DataFrame | None
    peaks_over: Steps
    week: Week
    days: Days
    coverage: pd.DataFrame
    spared: Spared
    markers: pd.DataFrame

    @property
    def mean(self) -> float | None:
        """bit/s over the window."""
        return history.mean_rate(self.series, self.over)

    @property
    def mean_before(self) -> float | None:
        """bit/s over the window it is compared with."""
        if self.before is None or self.against is None:
            return None
        return history.mean_rate(self.before, self.against)

    @property
    def total(self) -> float | None:
        """Bytes in the window."""
        return numbers.known(self.series["bytes"].sum(min_count=1))

    @property
    def scale(self) -> Scale:
        """The one unit of the chart: of the tops of its stack."""
        tops = self.series.groupby("at")["bps"].sum()
        return rate_scale(tops)

    @property
    def names(self) -> dict[int, str]:
        """place → name of each series."""
        nameless = questions.NAMELESS.get(self.asked.by, "(no name)")
        return history_figures.named(questions.renamed(self.series, self.asked.by), nameless, "All others")

    @property
    def flow_words(self) -> str:
        """Which bytes, on screen."""
        return next(words for words, flow in questions.FLOWS.items() if flow is self.asked.flow)

    @property
    def by_words(self) -> str:
        """What they are told apart by, on screen."""
        return next(words for words, by in questions.BYS.items() if by is self.asked.by)

    def figure(self, zone: tzinfo) -> go.Figure:
        """The chart."""
        ghost = None
        if self.before is not None and self.against is not None:
            ghost = self.before, self.against, f"{history.capital(self.asked.when.against_words)}, all together"
        scale = self.scale
        return history_figures.over_time(
            self.series,
            "bps",
            self.names,
            self.over,
            scale.size,
            zone,
            HEIGHT,
            unit=scale.word,
            ghost=ghost,
            markers=self.markers,
        )

    def legend(self) -> list[tuple[str, str, str]]:
        """Colour, name and mean of each series, the ghost last."""
        scale = self.scale
        seconds = dict(zip(map(pd.Timestamp, self.over.times), self.over.lengths, strict=True))
        known = sum(seconds[at] for at in self.series["at"].unique())
        sums = self.series.groupby("place")["bytes"].sum()
        shown = [
            (history_figures.colour(place), name, numbers.in_scale(float(sums[place]) * 8 / known, scale))
            for place, name in self.names.items()
        ]
        if self.mean_before is not None:
            words = f"{history.capital(self.asked.when.against_words)}, all together"
            shown.append(("ghost", words, numbers.in_scale(self.mean_before, scale)))
        return shown

    def headline(self, zone: tzinfo) -> Headline:
        """The first two lines."""
        below: list[object] = []
        if not self.peak.empty:
            row = self.peak.iloc[0]
            length = history.span_words(self.peaks_over.bucket)
            peak = f"The peak was {numbers.rate(row['bps'])} on {history.moment(row['at'], zone)}, over {length}."
            below.append(peak)
        below.append(f"{numbers.volume(self.total)} in all.")
        below.append(history.seen_words(self.coverage["seen"].iloc[0]))
        return history.headline(self.asked.when, self.mean, self.mean_before, numbers.rate(self.mean), below)

    def numbers(self, zone: tzinfo) -> list[tuple[str, object, object]]:
        """Rows of the card of numbers."""
        peak, before = self.peak, self.peak_before
        now_bps = None if peak.empty else peak["bps"].iloc[0]
        former = None if before is None or before.empty else before["bps"].iloc[0]
        total_before = None if self.before is None else numbers.known(self.before["bytes"].sum(min_count=1))
        at = "" if peak.empty else history.moment(peak["at"].iloc[0], zone)
        seen = numbers.known(self.coverage["seen"].iloc[0])
        expected, covered = (float(self.coverage[name].iloc[0]) for name in ("expected_seconds", "covered_seconds"))
        missing = numbers.age(expected - covered) if seen is not None and expected - covered >= 1 else ""
        return [
            ("Average", numbers.rate(self.mean), history.change(self.mean, self.mean_before)),
            ("Peak", under(numbers.rate(now_bps), at), history.change(now_bps, former)),
            ("Transferred", numbers.volume(self.total), history.change(self.total, total_before)),
            ("Busiest hour", self.week.busiest, ""),
            ("Seen", under(numbers.percent(seen, 2), f"{missing} missing" if missing else ""), ""),
        ]

    def series_file(self) -> tuple[pd.DataFrame, list[FileColumn]]:
        """The chart as a file."""
        names = self.names
        frame = self.series.assign(name=[names[place] for place in self.series["place"]])
        return frame, [FileColumn("at", "Time"), FileColumn("name", "Name"), FileColumn("bytes", "Bytes"), _BPS]

    def groups_file(self) -> tuple[pd.DataFrame, list[FileColumn]]:
        """The table of groups as a file."""
        peaks = self.peaks.rename(columns={"at": "peak_at"})
        frame = questions.renamed(self.grown.merge(peaks, on=["id", "name"], how="left"), self.asked.by)
        columns = [FileColumn("name", "Name"), FileColumn("bytes", "Bytes"), FileColumn("before", "Bytes before")]
        return frame, [*columns, FileColumn("bps", "Peak", "bit/s"), FileColumn("peak_at", "Peak at")]


_BPS = FileColumn("bps", "Rate", "bit/s")


def answer(asked: Question, zone: tzinfo) -> Answer:
    """Everything the page shows. Raises Unavailable, Unknowable."""
    flow, by, only, when = asked.flow.value, asked.by.value, asked.only, asked.when
    total = By.CHANNEL.value if asked.by is By.CHANNEL else By.TOTAL.value
    over = past.stepped(when.start, when.end, asked.by, only)
    against = None if when.against is None else past.stepped(*when.against, asked.by, only)
    series = past.traffic(over, flow, by, only)
    grown = past.growth(over, against, flow, by, only)
    # Of a thousand servers only the peaks of those in the table are looked for.
    shown = tuple(map(int, grown["id"].head(ROWS))) if asked.by in (By.SERVER, By.CHANNEL) else None
    before = _all_together(past.traffic(against, flow, total, only)) if against else None
    peaks_over = _for_peaks(over, asked)
    return Answer(
        asked=asked,
        over=over,
        against=against,
        series=series,
        before=before,
        grown=grown,
        peaks=past.peaks(peaks_over, flow, by, only, shown),
        peak=_peak(peaks_over, asked, _all_together(series)),
        peak_before=None if against is None or before is None else _peak(_for_peaks(against, asked), asked, before),
        peaks_over=peaks_over,
        week=week(over, asked.flow, only, zone),
        days=days(over, asked.flow, asked.by, only, zone),
        coverage=past.coverage(over, only),
        spared=spared(over, only),
        # The form for a new one offers the end.
        markers=past.markers(over.start, over.end + timedelta(seconds=1), only),
    )


def _all_together(found: pd.DataFrame) -> pd.DataFrame:
    return found.groupby("at", as_index=False).agg(bytes=("bytes", "sum"), bps=("bps", "sum"))


def _peak(over: Steps, asked: Question, series: pd.DataFrame) -> pd.DataFrame:
    """The peak of all together: at, bps. Of channels that of the steps drawn: more is carried than belongs to any."""
    if asked.by is not By.CHANNEL:
        return past.peaks(over, asked.flow.value, By.TOTAL.value, asked.only)
    return series.sort_values(["bps", "at"], ascending=[False, True], kind="stable").head(1)


def _for_peaks(over: Steps, asked: Question) -> Steps:
    """Five minutes where the window is short enough and they are kept; of channels the steps drawn."""
    if asked.by is By.CHANNEL:
        return over
    fine = FINE_PEAKS if over.end - over.start <= FINE_PEAKS else timedelta(0)
    return past.stepped(over.start, over.end, asked.by, asked.only, fine)
