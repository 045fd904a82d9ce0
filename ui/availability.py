"""The words, figures and tables of availability: was the promise kept? Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

import pandas as pd

from cdn.model import REASON_WORDS, PublicationEnd, Reason
from cdn.months import Month, day_begins
from db.export import Column as Exported
from ui import links, numbers, strips, tables
from ui.cards import Kpi
from ui.channels import span
from ui.headline import Headline
from ui.html import NOTHING, Html, fill
from ui.strips import Box, Day, Strip

DAYS = 90
SERVERS, REGIONS, CHANNELS = "Servers", "Regions", "Channels"
VIEWS = (SERVERS, REGIONS, CHANNELS)
# A share that is known to a ten thousandth is one figure, not two.
ALIKE = 0.00005


def bounds(first: date, days: int, zone: Any) -> tuple[datetime, ...]:
    """When each of so many days from `first` on begins in `zone`, and when the last one is over."""
    return tuple(day_begins(first + timedelta(days=number), zone) for number in range(days + 1))


def share(least: Any, most: Any) -> str:
    """A share of time as one figure where it is known well, else as a range: "99.94 to 99.96 %"."""
    low, high = numbers.known(least), numbers.known(most)
    if low is None or high is None:
        return numbers.DASH
    if high - low < ALIKE:
        return numbers.percent(low, 2)
    return f"{numbers.percent(low, 2).removesuffix(' %')} to {numbers.percent(high, 2)}"


def between(least: Any, most: Any) -> str:
    """The range of a share in words; "" where it is known well."""
    low, high = numbers.known(least), numbers.known(most)
    if low is None or high is None or high - low < ALIKE:
        return ""
    return f"between {numbers.percent(low, 2)} and {numbers.percent(high, 2)}"


def month_words(month: Month, now: datetime, zone: tzinfo) -> str:
    """ "November so far", "October 2026"."""
    local = now.astimezone(zone)
    return f"{month.words.partition(' ')[0]} so far" if month == Month(local.year, local.month) else month.words


def headline(total: Any, words: str) -> Headline:
    """How much of the time servers were up; total: the row of db.availability.told."""
    if numbers.missing(total.up_ratio):
        return Headline("nodata", fill("{words}: nobody knows", words=words), fill("Nobody looked at any server then."))
    title = fill("{words}: servers were up {share} of the time", words=words, share=numbers.percent(total.up_ratio, 2))
    if range_ := between(total.least, total.most):
        below = fill(
            "For {blind} of server time nobody was looking, so the true figure is {range}.",
            blind=numbers.age(total.blind),
            range=range_,
        )
    else:
        below = fill("Somebody was looking all the time.")
    return Headline("planned", title, below, "timelapse")


def channels_headline(total: Any, channels: pd.DataFrame, words: str) -> Headline:
    """How much of the time channels were on air where expected; total: the row of db.airtime.told."""
    if numbers.missing(total.on_most):
        text = "No channel was expected on air, or none was ever seen published."
        return Headline("nodata", fill("{words}: nobody knows", words=words), fill("{text}", text=text))
    title = fill(
        "{words}: channels were on air {share} of the expected time",
        words=words,
        share=share(total.on_least, total.on_most),
    )
    off = fill("Off air for {span} in all, over all channels.", span=span(total.off_least, total.off_most))
    unjudged = int((~channels["judged"].astype(bool)).sum())
    left = fill(
        " {many} never seen published {are} left out.",
        many=numbers.many(unjudged, "channel"),
        are="is" if unjudged == 1 else "are",
    )
    return Headline("planned", title, fill("{off}{left}", off=off, left=left if unjudged else NOTHING), "timelapse")


def fewer(now: Any, before: Any, month: str) -> Html:
    """ "3 fewer than in October"."""
    current, former = numbers.known(now), numbers.known(before)
    if current is None or former is None:
        return fill("nothing to compare with in {month}", month=month)
    if current == former:
        return fill("as in {month}", month=month)
    word = "fewer" if current < former else "more"
    return fill(
        "<b>{count} {word}</b> than in {month}", count=numbers.count(abs(current - former)), word=word, month=month
    )


def kpis(
    total: Any, gone: Any, before: Any, outages: pd.DataFrame, month: str, now: datetime, zone: tzinfo
) -> list[Kpi]:
    """The four numbers of servers. total: of told; gone, before: of repairs, of this month and the one before."""
    longest = outages.iloc[int(outages["lasted_most"].argmax())] if len(outages) else None
    return [
        Kpi(
            "Up",
            *_unit(numbers.percent(total.up_ratio, 2)),
            note=between(total.least, total.most) or "nothing left out",
        ),
        Kpi("Outages", numbers.count(gone.outages), change=fewer(gone.outages, before.outages, month)),
        Kpi(
            "Longest",
            numbers.DASH if longest is None else span(longest["lasted_least"], longest["lasted_most"]),
            note="no outage"
            if longest is None
            else f"{longest['server']}, {numbers.when(longest['began_by'], now, zone)}",
        ),
        Kpi(
            "Mean time to repair",
            span(gone.repair_least, gone.repair_most),
            note=f"of {numbers.many(int(gone.repaired), 'outage')} that ended" if gone.repaired else "no outage ended",
        ),
    ]


def channel_kpis(
    total: Any, drops: pd.DataFrame, before: pd.DataFrame, month: str, now: datetime, zone: tzinfo
) -> list[Kpi]:
    """The four numbers of channels. total: of db.airtime.told; drops, before: this month's and the one before."""
    longest = drops.iloc[int(drops["off_most"].argmax())] if len(drops) else None
    return [
        Kpi("On air when expected", *_unit(share(total.on_least, total.on_most)), note="of all channels together"),
        Kpi("Drop-outs", numbers.count(len(drops)), change=fewer(len(drops), len(before), month)),
        Kpi(
            "Longest",
            numbers.DASH if longest is None else span(longest["off_least"], longest["off_most"]),
            note="no drop-out"
            if longest is None
            else f"{longest['name']}, {numbers.when(longest['began_after'], now, zone)}",
        ),
        Kpi("Off air in all", span(total.off_least, total.off_most), note="while expected"),
    ]


def _unit(text: str) -> tuple[str, str]:
    return (text.removesuffix(" %"), "%") if text.endswith(" %") else (text, "")


def server_strips(
    days: pd.DataFrame, month: pd.DataFrame, outages: pd.DataFrame, by: str, count: int
) -> Iterator[tuple[Strip, list[Day]]]:
    """A strip for each server or region, the worst of the month first.

    days: db.availability.told by `by` and part, month: by `by`; outages: of the month; count: days.
    """
    known = {(getattr(row, by), row.part): row for row in days.itertuples()}
    many = outages[by].value_counts().to_dict()
    order = month.sort_values(["up_ratio", "least", by], na_position="last", kind="stable")
    row: Any
    for row in order.itertuples():
        key = getattr(row, by)
        boxes = [_day(known.get((key, part))) for part in range(count)]
        name = links.link(links.server(str(key)), key) if by == "server" else fill("{name}", name=key or "No region")
        title = between(row.least, row.most) or "of all of the month"
        below = numbers.many(int(many.get(key, 0)), "outage")
        yield Strip(name, below, boxes, numbers.percent(row.up_ratio, 2), title), [box.day for box in boxes]


def _day(row: Any) -> Box:
    return Box(Day.ABSENT) if row is None else strips.of_server(row.expected, row.covered, row.up)


def channel_strips(
    days: pd.DataFrame, month: pd.DataFrame, drops: pd.DataFrame, count: int
) -> Iterator[tuple[Strip, list[Day]]]:
    """A strip for each channel, the worst of the month first. days: db.airtime.airtime; month: told of it."""
    known: dict[Any, Any] = {(row.channel_id, row.part): row for row in days.itertuples()}
    many = drops["channel_id"].value_counts().to_dict()
    order = month.sort_values(["on_most", "on_least", "name"], na_position="last", kind="stable")
    row: Any
    for row in order.itertuples():
        boxes = [_aired(known.get((row.channel_id, part))) for part in range(count)]
        below = numbers.many(int(many.get(row.channel_id, 0)), "drop-out") if row.judged else "never seen published"
        title = f"expected {row.schedule or 'always'}" + (f", on the clock of {row.zone}" if row.schedule else "")
        figure = share(row.on_least, row.on_most).replace(" to ", "–")
        yield (
            Strip(links.link(links.channel(row.channel_id), row.name), below, boxes, figure, title),
            [b.day for b in boxes],
        )


def _aired(row: Any) -> Box:
    return Box(Day.ABSENT) if row is None else strips.of_channel(row.judged, row.expected, row.off_least, row.off_most)


OUTAGES = (
    tables.Column("Server"),
    tables.Column("Began"),
    tables.Column("Lasted"),
    tables.Column("Why"),
)


def outage_rows(outages: pd.DataFrame, now: datetime, zone: tzinfo, on_phone: int) -> Iterator[tables.Row]:
    """Outages as rows, newest first."""
    row: Any
    for place, row in enumerate(outages.itertuples()):
        lasted = span(row.lasted_least, row.lasted_most)
        yield tables.Row(
            [
                tables.under(links.link(links.server(row.server), row.server), row.region),
                moment(row.began_by, now, zone),
                f"{lasted}, still down" if row.goes_on else lasted,
                reason(row.reason),
            ],
            folded=place >= on_phone,
        )


def moment(at: Any, now: datetime, zone: tzinfo) -> Html:
    """A moment with its time of day, its exact time as title."""
    day, clock = numbers.when(at, now, zone), numbers.clock(at, zone)
    words = day if clock in day else f"{day}, {clock}"
    return fill('<span title="{exact}">{words}</span>', exact=numbers.exact(at, zone), words=words)


def reason(value: Any) -> str:
    """Why the first poll failed, in words."""
    try:
        words = REASON_WORDS[Reason(value)]
    except ValueError:
        return "not known"
    return words[0].upper() + words[1:]


DROP_OUTS = (
    tables.Column("Channel"),
    tables.Column("Began"),
    tables.Column("Off air"),
    tables.Column("Why"),
)
_ENDED = {
    PublicationEnd.STOPPED: "Its publisher left",
    PublicationEnd.RECONNECTED: "Its publisher came back over another connection",
    PublicationEnd.RESTARTED: "Its server started again",
}


def drop_rows(drops: pd.DataFrame, now: datetime, zone: tzinfo, on_phone: int) -> Iterator[tables.Row]:
    """Drop-outs as rows, newest first."""
    row: Any
    for place, row in enumerate(drops.itertuples()):
        off = span(row.off_least, row.off_most)
        yield tables.Row(
            [
                tables.under(links.link(links.channel(row.channel_id), row.name), row.app),
                moment(row.began_after, now, zone),
                f"{off}, still off air" if row.goes_on else off,
                "not known" if numbers.missing(row.end_reason) else _ENDED[PublicationEnd(row.end_reason)],
            ],
            folded=place >= on_phone,
        )


_UPTIME = (
    Exported("expected", "Existed", "s"),
    Exported("covered", "Watched", "s"),
    Exported("up", "Up", "s"),
    Exported("up_ratio", "Share up of watched time", "0..1"),
    Exported("least", "Share up at least", "0..1"),
    Exported("most", "Share up at most", "0..1"),
)


def uptime_columns(by: str) -> Sequence[Exported]:
    """Columns of the file of servers or regions."""
    return (Exported(by, by.capitalize()), *_UPTIME)


AIRTIME_FILE = (
    *(Exported(name, name.capitalize()) for name in ("vhost", "app", "name", "schedule", "zone")),
    Exported("expected", "Expected on air", "s"),
    Exported("off_least", "Off air at least", "s"),
    Exported("off_most", "Off air at most", "s"),
    Exported("on_least", "Share on air at least", "0..1"),
    Exported("on_most", "Share on air at most", "0..1"),
)
_ENDS = (
    Exported("began_after", "Began after"),
    Exported("began_by", "Began by"),
    Exported("ended_after", "Ended after"),
    Exported("ended_by", "Ended by"),
)
OUTAGES_FILE = (
    *(Exported(name, name.capitalize()) for name in ("server", "region", "provider")),
    *_ENDS,
    Exported("lasted_least", "Lasted at least", "s"),
    Exported("lasted_most", "Lasted at most", "s"),
    Exported("reason", "Reason"),
)
DROP_OUTS_FILE = (
    *(Exported(name, name.capitalize()) for name in ("vhost", "app", "name", "server")),
    *_ENDS,
    Exported("off_least", "Off air at least", "s"),
    Exported("off_most", "Off air at most", "s"),
    Exported("end_reason", "Reason"),
)
RESPONSES_FILE = (Exported("at", "From"), Exported("mean", "Mean", "s"), Exported("longest", "Longest", "s"))
