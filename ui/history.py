"""The words and tables of the pages of the past: how much, against before; which hours; who carried it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from cdn.model import KIND_LABELS, Kind
from cdn.units import HOUR, MINUTE
from db.asked import By, Flow, Only
from db.steps import Steps
from ui import links
from ui.headline import Headline
from ui.html import Html, fill, join
from ui.numbers import (
    DASH,
    MONTHS,
    Scale,
    count,
    exact,
    in_scale,
    known,
    missing,
    percent,
    plain,
    rate,
    volume,
)
from ui.period import Period
from ui.sparkline import bar
from ui.tables import Column, Row, cell, under, unknown
from ui.timeline import Moment, timeline

FLOWS: dict[str, Flow] = {
    "Traffic to viewers": Flow.DELIVERED,
    "Traffic out": Flow.OUT,
    "Traffic in": Flow.IN,
    "To own servers": Flow.OWN,
    "From origins": Flow.ORIGIN,
}
BYS: dict[str, By] = {
    "Region": By.REGION,
    "Server": By.SERVER,
    "Role": By.ROLE,
    "Provider": By.PROVIDER,
    "Kind": By.KIND,
    "Tag": By.TAG,
    "Channel": By.CHANNEL,
    "All together": By.TOTAL,
}
NAMELESS: dict[By, str] = {
    By.TOTAL: "All together",
    By.REGION: "No region",
    By.PROVIDER: "No provider",
    By.TAG: "No tag",
}
_DIMENSIONS = {
    "role": "Role",
    "region": "Region",
    "provider": "Provider",
    "kind": "Kind",
    "tag": "Tag",
    "servers": "Server",
    "channels": "Channel",
}
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SAME = 0.0005


def each(found: pd.DataFrame) -> Iterator[Any]:
    """The rows of a frame, by the names of its columns."""
    return iter(found.itertuples())


def choices(found: pd.DataFrame) -> dict[str, tuple[str, int, str]]:
    """`db.history.known` as choices of a filter: words → (field of Only, id, name). Two of one name are told apart."""
    rows = sorted(each(found), key=lambda row: list(_DIMENSIONS).index(row.dimension))
    words = [f"{_DIMENSIONS[row.dimension]}: {spoken(row.dimension, row.name)}" for row in rows]
    often = Counter(words)
    return {
        said if often[said] == 1 else f"{said} (number {row.id})": (row.dimension, int(row.id), str(row.name))
        for said, row in zip(words, rows, strict=True)
    }


def spoken(dimension: str, name: str) -> str:
    """A name of a dimension as people say it."""
    if dimension == "kind" and name in set(Kind):
        return KIND_LABELS[Kind(name)]
    if dimension == "role":
        return {"edge": "Edges", "origin": "Origins"}.get(name, name)
    return name or {"region": "No region", "provider": "No provider"}.get(dimension, "(no name)")


def only_of(chosen: Iterable[str], offered: dict[str, tuple[str, int, str]]) -> Only:
    """What is asked about, of the choices made."""
    fields: dict[str, list[Any]] = {}
    for words in chosen:
        if words in offered:
            dimension, id_, name = offered[words]
            fields.setdefault(dimension, []).append(id_ if dimension in ("servers", "channels") else name)
    return Only(**{name: tuple(values) for name, values in fields.items()})


def renamed(found: pd.DataFrame, by: By) -> pd.DataFrame:
    """Kinds and roles by the names that people use."""
    if by not in (By.KIND, By.ROLE):
        return found
    return found.assign(name=[spoken(by.value, name) if name else name for name in found["name"]])


def span_words(seconds: float) -> str:
    """How long a step is: "5 minutes", "an hour", "2 hours", "a day"."""
    for size, one, word in ((86_400, "a day", "days"), (HOUR, "an hour", "hours"), (MINUTE, "a minute", "minutes")):
        if seconds % size == 0:
            return one if seconds == size else f"{seconds // size:,.0f} {word}"
    return f"{seconds:g} seconds"


def moment(at: Any, zone: tzinfo) -> str:
    """ "Sun 22 Nov 21:25"."""
    if missing(at):
        return DASH
    local = pd.Timestamp(at).tz_convert(zone)
    return f"{DAYS[local.weekday()]} {local.day} {MONTHS[local.month - 1]} {local:%H:%M}"


def change(now: object, before: object) -> str:
    """ "+4.2 %", "−3.1 %", "same"; a dash where there is nothing to compare with."""
    current, former = known(now), known(before)
    if current is None or former is None or former == 0:
        return DASH
    grown = current / former - 1
    if abs(grown) < _SAME:
        return "same"
    return f"{'+' if grown > 0 else ''}{percent(grown)}"


def against_words(now: object, before: object, against: str) -> str:
    """ ", 4.2 % more than the week before"; nothing where there is nothing to compare with."""
    current, former = known(now), known(before)
    if current is None or not former or not against:
        return ""
    grown = current / former - 1
    if abs(grown) < _SAME:
        return f", the same as {against}"
    return f", {percent(abs(grown))} {'more' if grown > 0 else 'less'} than {against}"


def headline(
    period: Period, mean: float | None, before: float | None, spoken_mean: str, below: Iterable[object]
) -> Headline:
    """The first two lines: how much on average, and against when."""
    words = period.words[:1].upper() + period.words[1:]
    if mean is None:
        return Headline("nodata", fill("{words}: nobody knows", words=words), fill("Nothing was counted in this time."))
    title = fill(
        "{words}: {mean} on average{change}",
        words=words,
        mean=spoken_mean,
        change=against_words(mean, before, period.against_words),
    )
    return Headline("planned", title, join(below, " "), icon="query_stats")


def seen_words(seen: object) -> str:
    """ "99.98 % of the time was seen."."""
    return "" if known(seen) is None else f"{percent(seen, 2)} of the time was seen."


NUMBERS = (Column("What"), Column("Value", number=True), Column("Change", number=True))


def number_rows(rows: Iterable[tuple[str, object, object]]) -> list[Row]:
    """What, value, change."""
    return [Row((what, value, changed)) for what, value, changed in rows]


def group_columns(by: str, measure: str, against: str) -> tuple[Column, ...]:
    """Columns of the table of groups."""
    return (
        Column(by),
        Column(measure, number=True),
        Column("Share", number=True),
        Column(""),
        Column("Peak", number=True),
        Column(f"Change on {against}" if against else "Change", number=True),
    )


def group_rows(grown: pd.DataFrame, peaks: pd.DataFrame, by: By, zone: tzinfo, most: int = 10) -> list[Row]:
    """The largest groups: bytes, share of all, peak and when, change."""
    total = float(grown["bytes"].sum()) if grown["bytes"].notna().any() else 0.0
    highest = {(row.id, row.name): row for row in each(peaks)}
    rows = []
    for row in each(grown[grown["bytes"].notna()].head(most)):
        share = row.bytes / total if total else None
        peak: Any = highest.get((row.id, row.name))
        name = str(row.name) or NAMELESS.get(by, "(no name)")
        rows.append(
            Row(
                (
                    _linked(by, int(row.id), name),
                    volume(row.bytes),
                    percent(share),
                    bar(share, ""),
                    unknown("not known") if peak is None else under(rate(peak.bps), moment(peak.at, zone)),
                    cell(change(row.bytes, row.before), "nothing to compare with"),
                )
            )
        )
    return rows


def _linked(by: By, id: int, name: str) -> Html:
    if by is By.SERVER:
        return links.link(links.server(name), name)
    if by is By.CHANNEL:
        return links.link(links.channel(id), name)
    return fill("{name}", name=name)


def heat(grid: pd.DataFrame, peaks: pd.DataFrame, scale: Scale, what: str) -> Html:
    """The hours of the week as cells, the darker the more. grid, peaks: of `db.busiest.week`."""
    most = float(grid.max().max()) or 1.0
    # There is room for every third hour; the others are for those who listen.
    shown, spoken = '<th scope="col">{hour}</th>', '<th scope="col"><span class="vh">{hour}</span></th>'
    heads = join(fill(spoken if hour % 3 else shown, hour=f"{hour:02}") for hour in range(24))
    rows = join(
        fill(
            '<tr><th scope="row">{day}</th>{cells}</tr>',
            day=DAYS[day],
            cells=join(_hour(day, hour, grid.loc[day, hour], peaks.loc[day, hour], most, scale) for hour in range(24)),
        )
        for day in range(7)
    )
    return fill(
        '<table class="heat"><caption class="vh">{what}</caption><thead><tr><td></td>{heads}</tr></thead>'
        "<tbody>{rows}</tbody></table>",
        what=what,
        heads=heads,
        rows=rows,
    )


def _hour(day: int, hour: int, mean: Any, peak: Any, most: float, scale: Scale) -> Html:
    spoken_hour = f"{DAYS[day]} {hour:02}:00 to {(hour + 1) % 24:02}:00"
    if missing(mean):
        return fill('<td class="none" title="{said}: not known"><span class="vh">–</span></td>', said=spoken_hour)
    value = in_scale(mean, scale)
    return fill(
        '<td style="--v:{share}" title="{said}: {value} {unit} on average, {peak} at most">'
        '<span class="vh">{value}</span></td>',
        share=f"{max(0.0, float(mean)) / most:.3f}",
        said=spoken_hour,
        value=value,
        unit=scale.word,
        peak=in_scale(peak, scale),
    )


def busiest_words(grid: pd.DataFrame) -> str:
    """ "Sun 21 to 22": the hour of the week with the largest mean."""
    stacked = grid.stack().dropna()
    if stacked.empty:
        return DASH
    best: Any = stacked.idxmax()
    day, hour = int(best[0]), int(best[1])
    return f"{DAYS[day]} {hour:02} to {(hour + 1) % 24:02}"


_KINDS = {
    "deploy": ("rocket_launch", "warn", "Deploy"),
    "match": ("sports_soccer", "planned", "Match"),
    "incident": ("error", "bad", "Incident"),
    "other": ("flag", "", "Other"),
}
KIND_WORDS = {kind: words for kind, (_, _, words) in _KINDS.items()}


def markers(found: pd.DataFrame, zone: tzinfo) -> Html:
    """Markers as a line of moments, newest first."""
    moments = []
    for row in each(found):
        symbol, tone, kind = _KINDS.get(str(row.kind), _KINDS["other"])
        ends = "" if missing(row.until) else f" to {moment(row.until, zone)}"
        about = ", ".join(str(each) for each in (row.region, row.server, row.channel) if not missing(each) and each)
        text = f"{kind}, {moment(row.at, zone)}{ends}{f' · {about}' if about else ''} · by {row.created_by}"
        local = pd.Timestamp(row.at).tz_convert(zone)
        day = f"{local.day} {MONTHS[local.month - 1]}"
        moments.append(Moment(day, exact(row.at, zone), tone, symbol, str(row.words), text))
    return timeline(moments)


RATIO_COLUMNS = (
    Column("Edge"),
    Column("Sent", number=True),
    Column("Took in", number=True),
    Column("Spared the origins", number=True),
    Column("Out of the cache", number=True),
)


def ratio_rows(found: pd.DataFrame, most: int) -> list[Row]:
    """Edges: sent, taken in, what that spared, answers out of the cache."""
    why = "it does not count both"
    return [
        Row(
            (
                links.link(links.server(str(row.name)), row.name),
                volume(row.sent),
                cell(volume(row.taken), why),
                cell(percent(row.offload), why),
                cell(percent(row.hit_ratio), "it does not count answers of a cache"),
            )
        )
        for row in each(found.head(most))
    ]


WATCHED = "Viewer-hours"


def audience_columns(by: str, against: str) -> tuple[Column, ...]:
    """Columns of the ranking by how long was watched."""
    return (
        Column(by),
        Column(WATCHED, number=True),
        Column("Share", number=True),
        Column(""),
        Column("Most at once", number=True),
        Column(f"Change on {against}" if against else "Change", number=True),
    )


def audience_rows(found: pd.DataFrame, by: By, zone: tzinfo, most: int) -> list[Row]:
    """The most watched: viewer-hours, share of all, most at once and when, change."""
    shown = found[found["viewer_seconds"].notna()]
    total = float(shown["viewer_seconds"].sum())
    rows = []
    for row in each(shown.head(most)):
        share = row.viewer_seconds / total if total else None
        name = str(row.name) or NAMELESS.get(by, "(no name)")
        rows.append(
            Row(
                (
                    _linked(by, int(row.id), name),
                    count(row.viewer_seconds / HOUR),
                    percent(share),
                    bar(share, ""),
                    under(count(row.peak), moment(row.peak_at, zone)),
                    cell(change(row.viewer_seconds, row.before), "nothing to compare with"),
                )
            )
        )
    return rows


def mean_rate(found: pd.DataFrame, over: Steps) -> float | None:
    """The mean rate of the window in bit/s: its bytes over the seconds of the steps that are known."""
    sums = found.groupby("at")["bytes"].sum(min_count=1).dropna()
    lengths = dict(zip(map(pd.Timestamp, over.times), over.lengths, strict=True))
    seconds = sum(lengths[at] for at in sums.index)
    return float(sum(map(int, sums))) * 8 / seconds if seconds else None


def means(found: pd.DataFrame, value: str) -> dict[int, float]:
    """place → mean of `value` over its steps."""
    return {int(str(place)): float(mean) for place, mean in found.groupby("place")[value].mean().items()}


def hours_of(number: object) -> str:
    """Viewer-hours of viewer-seconds."""
    seconds = known(number)
    return DASH if seconds is None else count(seconds / HOUR)


def viewers_words(number: object) -> str:
    """A mean of viewers: whole from ten on."""
    value = known(number)
    if value is None:
        return DASH
    return count(value) if value >= 10 else plain(value)


def until_words(end: datetime, zone: tzinfo) -> str:
    """Up to when figures go."""
    return f"Up to {moment(end, zone)}"
