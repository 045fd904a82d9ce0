"""The numbers, tiles and rows of the overview. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Any

import pandas as pd

from cdn.health import State
from cdn.model import Role
from ui import cards, links, numbers, tables
from ui.headline import since
from ui.html import Html, fill
from ui.status import LOOKS, chip
from ui.tiles import Region, Tile

COUNTED = (State.FINE, State.NEARLY_FULL)
CLIENTS_NOT_COUNTED = "not counted here: most of an origin's clients are own edges"


def kpis(seen: dict[str, pd.DataFrame], at: datetime, zone: tzinfo) -> list[cards.Kpi]:
    """The four numbers, each against an hour ago."""
    current, before = seen["summary"].loc["now"], seen["summary"].loc["hour_ago"]
    then = numbers.clock(at - timedelta(hours=1), zone)
    course = (
        seen["traffic"].groupby("at")[["delivered_bps", "viewers", "servers_up"]].sum(min_count=1)
        if len(seen["traffic"])
        else pd.DataFrame(columns=["delivered_bps", "viewers", "servers_up"])
    )
    fleet = seen["fleet"]
    counted = fleet[fleet["state"].isin(COUNTED) & (fleet["role"] == Role.EDGE)]
    scale = numbers.rate_scale([current["delivered_bps"]])
    delivered = numbers.in_scale(current["delivered_bps"], scale)
    return [
        cards.Kpi(
            "Delivered now",
            delivered,
            "" if delivered == numbers.DASH else scale.word,
            cards.change_in_percent(current["delivered_bps"], before["delivered_bps"], then),
            made_of(counted, "egress_bps", "reports no traffic", "report no traffic"),
            list(course["delivered_bps"]),
        ),
        cards.Kpi(
            "Viewers",
            numbers.count(current["viewers"]),
            "",
            cards.change_in_percent(current["viewers"], before["viewers"], then),
            made_of(counted, "viewers", "does not count them", "do not count them"),
            list(course["viewers"]),
        ),
        cards.Kpi(
            "Streams on air",
            numbers.count(current["streams_on_air"]),
            "",
            cards.change_in_count(current["streams_on_air"], before["streams_on_air"], then),
            "each counted once",
        ),
        cards.Kpi(
            "Servers up",
            numbers.count(current["servers_up"]),
            f"of {numbers.count(current['servers_total'])}",
            cards.change_in_count(current["servers_up"], before["servers_up"], then),
            missing_servers(fleet),
            list(course["servers_up"]),
        ),
    ]


def made_of(counted: pd.DataFrame, column: str, lacks_one: str, lacks_more: str) -> str:
    """What a sum over the edges is made of: "sum of 15 edges; 3 report no traffic"."""
    lacking = int(counted[column].isna().sum())
    summed = len(counted) - lacking
    said = f"sum of {numbers.many(summed, 'edge')}" if summed else "no edge tells it"
    return f"{said}; {lacking} {lacks_one if lacking == 1 else lacks_more}" if lacking and summed else said


def missing_servers(fleet: pd.DataFrame) -> str:
    """What the others do: "1 down, 2 no data"."""
    states = fleet["state"].value_counts()
    said = [
        f"{states[state]:,} {LOOKS[state].word.lower()}"
        for state in (State.DOWN, State.NO_DATA, State.WAITING, State.PAUSED)
        if state in states
    ]
    return ", ".join(said) or "all answer"


def regions(fleet: pd.DataFrame) -> list[Region]:
    """The edges by region, busiest region first; origins are a row of their own."""
    place = fleet["region"].where(fleet["role"] == Role.EDGE, "Origins").replace("", "No region")
    rows = []
    for name, group in fleet.groupby(place, sort=False):
        up = group["state"].isin(COUNTED)
        sent = group.loc[up, "egress_bps"].sum(min_count=1)
        note = f"{up.sum():,} of {len(group):,} up" + ("" if numbers.missing(sent) else f" · {numbers.rate(sent)}")
        members = [
            Tile(each["name"], each["state"], each["fullness"]) for each in group.sort_values("name").to_dict("records")
        ]
        order = (name == "Origins", -(numbers.known(sent) or 0.0), str(name))
        rows.append((order, Region(str(name), note, members)))
    return [row for _, row in sorted(rows, key=lambda each: each[0])]


def columns(scale: numbers.Scale) -> list[tables.Column]:
    """The columns of the table of servers; scale: of what they send."""
    return [
        tables.Column("Server"),
        tables.Column("State"),
        tables.Column("Role"),
        tables.Column("Region"),
        tables.Column(f"Sent, {scale.word}", number=True),
        tables.Column("Viewers", number=True),
        tables.Column("Streams", number=True),
        tables.Column("Response", number=True),
        tables.Column("Last answer", number=True),
    ]


def cells(row: Any, scale: numbers.Scale, at: datetime, zone: tzinfo) -> list[object]:
    """One server as cells. Numbers of a server that does not answer are old: a dash, with the last one as its title."""
    counted = row.state in COUNTED
    origin = row.role == Role.ORIGIN
    seen_at = f" at {numbers.when(row.good_at, at, zone)}" if not numbers.missing(row.good_at) else ""

    def cell(text: str, value: object) -> Html:
        if numbers.missing(value):
            return tables.unknown("not counted here")
        return fill("{text}", text=text) if counted else tables.unknown(f"last {text}{seen_at}")

    return [
        links.link(links.server(row.name), row.name),
        chip(LOOKS[row.state]),
        row.role.capitalize(),
        row.region or tables.unknown("no region set"),
        cell(numbers.in_scale(row.egress_bps, scale), row.egress_bps),
        tables.unknown(CLIENTS_NOT_COUNTED) if origin else cell(numbers.count(row.viewers), row.viewers),
        cell(numbers.count(row.live_streams), row.live_streams),
        cell(numbers.duration(row.response_seconds), row.response_seconds),
        fill("{age} ago", age=since(row.good_at, at, zone)) if seen_at else tables.unknown("never answered"),
    ]
