"""The sentences of the overview: is anything wrong, whom does it touch, since when. Pure."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from cdn.health import State
from cdn.model import REASON_WORDS, Reason
from ui.cards import Problem
from ui.headline import Headline, since
from ui.html import NOTHING, Html, code, fill, join
from ui.links import link, server
from ui.numbers import DASH, count, many, missing, percent, rate, when
from ui.numbers import known as known_number
from ui.status import LOOKS, NEEDS_A_LOOK, ORDER, PROBLEMS

# So many names a headline can carry; beyond that it counts.
NAMES_IN_HEADLINE = 2


def worst_first(fleet: pd.DataFrame) -> pd.DataFrame:
    """The fleet in the order people want to hear of it: worst state, then busiest, then by name."""
    return (
        fleet.assign(place=fleet["state"].map(ORDER), busy=fleet["egress_bps"].fillna(-1))
        .sort_values(["place", "busy", "name"], ascending=[True, False, True], kind="stable")
        .drop(columns=["place", "busy"])
    )


def reason_words(reason: Any) -> str:
    """A poll's reason in everyday words."""
    try:
        return REASON_WORDS[Reason(reason)]
    except (ValueError, KeyError):
        return "it does not answer as it should"


def verdict(fleet: pd.DataFrame, summary: pd.DataFrame, now: datetime, zone: tzinfo) -> Headline:
    """The first two lines while we can see: `fleet` and `summary` as db.live gives them, fleet not empty."""
    states = fleet["state"]
    wrong = worst_first(fleet[states.isin(PROBLEMS)])
    full = fleet[states == State.NEARLY_FULL]
    if len(wrong):
        return _problem(wrong, fleet, len(full), now, zone)
    if len(full):
        title = fill("{names} nearly full", names=_named(full, "is", "are"))
        return Headline("warn", title, fill("Viewers are served. Everything else is fine."))
    if (states == State.PAUSED).all():
        return Headline("planned", fill("All servers are paused"), fill("Nobody is watched until one is asked again."))
    if (states == State.WAITING).any() and not (states == State.FINE).any():
        return Headline(
            "planned",
            fill("Waiting for the first answers"),
            fill("{servers} added; numbers appear after the first poll.", servers=many(len(fleet), "server")),
        )
    return Headline("ok", fill("Everything is fine"), _calm(fleet, summary))


def _problem(wrong: pd.DataFrame, fleet: pd.DataFrame, warnings: int, now: datetime, zone: tzinfo) -> Headline:
    down, silent = (wrong[wrong["state"] == state] for state in PROBLEMS)
    polled = int((~fleet["state"].isin((State.PAUSED, State.WAITING))).sum())
    if len(wrong) == polled and polled > NAMES_IN_HEADLINE:
        return Headline(
            "bad",
            fill("None of {servers} answers", servers=many(polled, "server")),
            fill("When all are lost at once, look first at the network between the collector and them."),
        )
    parts = [_named(down, "is", "are", " down")] if len(down) else []
    parts += [_named(silent, "sends", "send", " no data")] if len(silent) else []
    title = join(parts, ", ")
    # "11 servers are down" says how many; "edge-1 is down, edge-2 sends no data" does not.
    if len(parts) > 1 or 1 < len(wrong) <= NAMES_IN_HEADLINE:
        title = fill("{problems}: {title}", problems=many(len(wrong), "problem"), title=title)
    # A server that sends nothing was last seen at its newest poll; one that is down has a time of its own.
    begun = wrong["state_since"].where(wrong["state"] == State.DOWN, wrong["at"]).min()
    said = [
        _touched(wrong),
        fill("{first} {when}.", first="Since" if len(wrong) == 1 else "The first since", when=when(begun, now, zone)),
    ]
    if warnings:
        said.append(fill("{warnings} more.", warnings=many(warnings, "warning")))
    return Headline("bad", title, join((part for part in said if part), " "))


def _named(rows: pd.DataFrame, one: str, more: str, rest: str = "") -> Html:
    if len(rows) > NAMES_IN_HEADLINE:
        return fill("{servers} {verb}{rest}", servers=many(len(rows), "server"), verb=more, rest=rest)
    names = join((link(server(name), name) for name in rows["name"]), " and ")
    return fill("{names} {verb}{rest}", names=names, verb=one if len(rows) == 1 else more, rest=rest)


def _touched(wrong: pd.DataFrame) -> Html:
    """How many viewers were on the lost servers at their last good answer."""
    viewers = wrong.loc[wrong["role"] == "edge", "viewers"].sum(min_count=1)
    them = "it" if len(wrong) == 1 else "them"
    if missing(viewers):
        return fill("How many viewers were on {them} is not known.", them=them)
    if viewers < 0.5:
        return fill("No viewers were on {them}.", them=them)
    return fill("{viewers} on {them}.", viewers=_were(round(viewers)), them=them)


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _were(viewers: int) -> str:
    return "1 viewer was" if viewers == 1 else f"{count(viewers)} viewers were"


def _calm(fleet: pd.DataFrame, summary: pd.DataFrame) -> Html:
    fine = int((fleet["state"] == State.FINE).sum())
    paused = int((fleet["state"] == State.PAUSED).sum())
    waiting = int((fleet["state"] == State.WAITING).sum())
    works = f"{many(fine, 'server')} {'works' if fine == 1 else 'work'}"
    streams = known_number(summary["streams_on_air"].loc["now"])
    on_air = "" if streams is None else f", {many(round(streams), 'stream')} {_is(round(streams))} on air"
    rest = [f"{number:,} {word}" for number, word in ((paused, "paused"), (waiting, "not polled yet")) if number]
    said = f"{works}{on_air}." if fine else "No server is watched."
    return fill("{said}{rest}", said=said, rest=f" {', '.join(rest)}." if rest else "")


def blind(freshness: pd.DataFrame, now: datetime, zone: tzinfo) -> tuple[Headline, Html]:
    """Headline and what the notice says while the collector is silent."""
    row = freshness.iloc[0]
    start = "python -m collector"
    sign = row["last_heartbeat"]
    interval = f"{row['interval']:g} s"
    if missing(sign):
        known = fill("No collector ever ran on this database. ")
    else:
        known = fill(
            "Last sign of life {when} from {name}; every server should be polled every {interval}. ",
            when=since_or_clock(sign, now, zone),
            name=row["last_collector"],
            interval=interval,
        )
    do = fill("Viewers are not affected by this. Start it again with {start}, or look at its log.", start=code(start))
    if missing(row["newest_at"]):
        title, below = fill("We are blind"), fill("No server was ever polled. What happens now is not seen.")
    else:
        title = fill("We are blind since {when}", when=when(row["newest_at"], now, zone))
        below = fill(
            "The collector has stopped sending. Numbers below are {age} old; what happens now is not seen.",
            age=since(row["newest_at"], now, zone),
        )
    if row["collectors_alive"] and not missing(row["newest_at"]):
        known = fill("{name} is running, but its polls do not arrive. ", name=row["last_collector"])
        do = fill("Viewers are not affected by this. Its log says why.")
        below = fill(
            "Nothing arrived for {age}. Numbers below are that old; what happens now is not seen.",
            age=since(row["newest_at"], now, zone),
        )
    return Headline("nodata", title, below), fill("{known}{do}", known=known, do=do)


def since_or_clock(at: Any, now: datetime, zone: tzinfo) -> Html:
    """ "20:58 (6 min ago)", the age ticking."""
    return fill("{when} ({age} ago)", when=when(at, now, zone), age=since(at, now, zone))


def cut_off(trouble: str, seen_at: datetime | None, now: datetime, zone: tzinfo) -> tuple[Headline, Html]:
    """Headline and notice while the database is away; seen_at: when the numbers below were read (None: none are)."""
    if seen_at is None:
        below = fill("The page tries again by itself.")
    else:
        below = fill(
            "Numbers below are {age} old; what happens now is not shown. The page tries again by itself.",
            age=since(seen_at, now, zone),
        )
    text = fill(
        "Viewers are not affected by this, and the collector keeps its polls until the database is back."
        " We saw: {seen}.",
        seen=trouble.rstrip("."),
    )
    return Headline("nodata", fill("The database does not answer"), below), text


def problem(row: Any, now: datetime, zone: tzinfo) -> Problem:
    """One row of the fleet that needs a look, as an entry of the list."""
    look = LOOKS[row.state]
    name = link(server(row.name), row.name)
    if row.state == State.NEARLY_FULL:
        title = fill("{name}", name=link(server(row.name), f"{row.name} is nearly full"))
        return Problem(look.icon, look.tone, title, _fullness(row), fill("Region {region}", region=row.region or DASH))
    words = "is down" if row.state == State.DOWN else "sends no data"
    name = link(server(row.name), f"{row.name} {words}")
    known = fill("{reason}", reason=capital(reason_words(row.reason))) if row.state == State.DOWN else NOTHING
    if row.state == State.NO_DATA:
        known = fill("Nobody polls it: no collector has it, or its polls do not arrive")
    begun = row.state_since if row.state == State.DOWN else row.at
    lost = "" if row.role != "edge" or missing(row.viewers) else f" · {_were(round(row.viewers))} on it"
    age = fill("<b>{age}</b> ago{lost}", age=since(begun, now, zone), lost=lost)
    return Problem(look.icon, look.tone, name, known, age)


def _fullness(row: Any) -> Html:
    link_full = not missing(row.capacity_bps) and not missing(row.egress_bps) and row.egress_bps / row.capacity_bps
    if link_full and link_full >= row.fullness - 1e-9:
        return fill("{share} of its {room} is used", share=percent(row.fullness, 0), room=rate(row.capacity_bps))
    return fill("Its processor core is {share} busy", share=percent(row.fullness, 0))


def capital(text: str) -> str:
    """`text` as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def needing_a_look(fleet: pd.DataFrame) -> pd.DataFrame:
    """The servers that need a person, worst first."""
    return worst_first(fleet[fleet["state"].isin(NEEDS_A_LOOK)])
