"""Outages and drop-outs as rows of tables, and what files of availability hold. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pandas as pd

from cdn.model import REASON_WORDS, PublicationEnd, Reason
from db.export import Column as Exported
from ui import links, numbers, tables
from ui.channels import span
from ui.html import Html, fill

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
RESPONSES_FILE = (
    Exported("at", "From"),
    Exported("mean", "Mean", "s"),
    Exported("longest", "Longest", "s"),
    Exported("before", "Mean of the month before", "s"),
)


def beside(responses: pd.DataFrame, before: pd.DataFrame, later: timedelta) -> pd.DataFrame:
    """`responses` with the column `before`: the mean of the month before, `later` after it was."""
    moved = pd.DataFrame({"at": before["at"] + later, "before": before["mean"]})
    found = responses.merge(moved, on="at", how="left")
    return found.assign(before=found["before"].astype("float64"))


def mean_response(responses: pd.DataFrame) -> str:
    """The mean of all answers."""
    return numbers.duration((responses["mean"] * responses["known"]).sum() / responses["known"].sum())
