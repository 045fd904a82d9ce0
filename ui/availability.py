"""The words and figures of a month's availability: was the promise kept? Pure."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from cdn.months import Month
from ui import numbers
from ui.cards import Kpi
from ui.channels import span
from ui.headline import Headline
from ui.html import NOTHING, Html, fill

SERVERS, REGIONS, CHANNELS = "Servers", "Regions", "Channels"
VIEWS = (SERVERS, REGIONS, CHANNELS)
# A share that is known to a ten thousandth is one figure, not two.
ALIKE = 0.00005


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
            else f"{numbers.when(longest['began_by'], now, zone)}, {longest['server']}",
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
            else f"{numbers.when(longest['began_after'], now, zone)}, {longest['name']}",
        ),
        Kpi("Off air in all", span(total.off_least, total.off_most), note="while expected"),
    ]


def _unit(text: str) -> tuple[str, str]:
    return (text.removesuffix(" %"), "%") if text.endswith(" %") else (text, "")
